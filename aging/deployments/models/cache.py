"""The folder that keeps generated models."""

from __future__ import annotations

import os
from pathlib import Path


def model_cache() -> Path:
    """The folder of generated models: ``$AGING_MODELS``, or one in the user's cache."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aging" / "models"
    return Path(os.environ.get("AGING_MODELS") or default)
