"""``findings.json`` read back."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from aging.findings.build import SCHEMA
from aging.findings.types import Findings


def read_findings(path: Path) -> Findings | None:
    """The findings of a file; None where there is none, or none that this release reads."""
    try:
        findings = TypeAdapter(Findings).validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return findings if findings.schema == SCHEMA else None
