"""``findings.json``: written whole, and read back where the analysis itself is not to be imported."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from aging.core.errors import writing
from aging.findings.types import SCHEMA, Findings
from aging.store.results import Results

_ENDED = ("completed", "decided", "interrupted", "halted", "died", "failed")


def written_since_the_end(results: Results) -> Findings | None:
    """The findings of a directory's file, None where the campaign has not ended, or was written to after it."""
    state, file = results.state, results.layout.findings
    if state.phase in _ENDED and state.last is not None and _modified(file) >= state.last.wall:
        return read_findings(file)
    return None


def _modified(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return -1.0


def read_findings(path: Path) -> Findings | None:
    """The findings of a file; None where there is none, or none that this release reads."""
    try:
        findings = _adapter().validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return findings if findings.schema == SCHEMA else None


@cache
def _adapter() -> TypeAdapter[Findings]:
    return TypeAdapter(Findings)  # which takes a tenth of a second to make


def findings_text(findings: Findings) -> str:
    """The content of ``findings.json``."""
    return json.dumps(asdict(findings), indent=1, allow_nan=False, default=list)


def write_findings(findings: Findings, path: Path) -> None:
    """Write ``findings.json`` whole or not at all; every key is there, null where not known."""
    temporary = path.with_name(path.name + ".tmp")
    content = findings_text(findings) + "\n"
    with writing(path):
        temporary.write_text(content)
        temporary.replace(path)
