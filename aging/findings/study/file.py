"""``findings.json`` of a study: written whole, and read back."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from aging.core.errors import writing
from aging.findings.study.types import SCHEMA, StudyFindings


def study_findings_text(findings: StudyFindings) -> str:
    """The content of the file; every key is there, null where not known."""
    return json.dumps(asdict(findings), indent=1, allow_nan=False, default=list) + "\n"


def write_study_findings(findings: StudyFindings, path: Path) -> None:
    """Write the file whole or not at all. Raises StorageError."""
    temporary = path.with_name(path.name + ".tmp")
    content = study_findings_text(findings)
    with writing(path):
        temporary.write_text(content)
        temporary.replace(path)


def read_study_findings(path: Path) -> StudyFindings | None:
    """The findings of a file; None where there is none, or none that this release reads."""
    try:
        findings = _adapter().validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return findings if findings.schema == SCHEMA else None


@cache
def _adapter() -> TypeAdapter[StudyFindings]:
    return TypeAdapter(StudyFindings)
