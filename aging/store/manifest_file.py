"""``manifest.json`` with the standard library alone: what lists or follows campaigns need not import its types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aging.core.errors import ResultsError

SCHEMA = 1

_KEYS = ("campaign", "deployments", "schedule_hashes", "seed")


def manifest_content(path: Path) -> dict[str, Any]:
    """The manifest in this file, its values unchecked but for the campaign's name. Raises ResultsError."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ResultsError(f"{path}: is not JSON: {error}") from None
    version = content.get("schema") if isinstance(content, dict) else None
    if version != SCHEMA:
        raise ResultsError(f"{path}: format version {version!r} is unknown; this release reads {SCHEMA}")
    missing = [key for key in _KEYS if key not in content]
    if not missing and not (isinstance(content["campaign"], dict) and "name" in content["campaign"]):
        missing = ["campaign.name"]
    if missing:
        raise ResultsError(f"{path}: has no {', '.join(missing)}: it was not written by `aging run`")
    return dict(content)


def observed_in(directory: Path) -> str | None:
    """What an observation there is about, in one line; None of a campaign with a load of its own."""
    try:
        campaign = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))["campaign"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not isinstance(campaign, dict) or campaign.get("load") is not None:
        return None
    description = campaign.get("description")
    return description if isinstance(description, str) and description else None


def is_smoke(directory: Path) -> bool:
    """Whether what lies there is a smoke run's, which is no campaign to go on with."""
    try:
        content = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and bool(content.get("smoke"))
