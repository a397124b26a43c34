"""Whether a result directory is a smoke run's: listing campaigns need not import the types of the manifest."""

from __future__ import annotations

import json
from pathlib import Path


def is_smoke(directory: Path) -> bool:
    """Whether what lies there is a smoke run's, which is no campaign to go on with."""
    try:
        return bool(json.loads((directory / "manifest.json").read_text(encoding="utf-8")).get("smoke"))
    except (OSError, ValueError):
        return False
