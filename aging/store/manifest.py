"""What the manifest of a result directory says."""

from __future__ import annotations

import json
from pathlib import Path


def is_smoke(directory: Path) -> bool:
    """Whether a result directory is that of a smoke run, which cannot be resumed."""
    try:
        return bool(json.loads((directory / "manifest.json").read_text(encoding="utf-8")).get("smoke"))
    except (OSError, ValueError):
        return False
