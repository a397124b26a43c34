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
from aging.store.segments import SEALED, segments

_MAGIC = b"PAR1"
_ENDED = ("completed", "decided", "interrupted", "halted", "died", "failed")


def written_since_the_end(results: Results) -> Findings | None:
    """The findings of a directory's file.

    None where the campaign has not ended, or was written to after it, or where measurements that they are about are
    gone or cut off: what is judged anew says so.
    """
    state, file = results.state, results.layout.findings
    if state.phase in _ENDED and state.last is not None and _modified(file) >= state.last.wall:
        found = read_findings(file)
        return found if found is not None and _is_there(results, found) else None
    return None


def _is_there(results: Results, found: Findings) -> bool:
    """Whether every run that was judged has its samples, and every sealed file its end."""
    judged = [one for one in found.runs if one.validity != "broken"]
    folders = [results.layout.source(one.deployment, "process", one.replica) for one in judged]
    return all(any(segments(one)) for one in folders) and all(
        map(_is_whole, results.layout.root.glob(f"*/r*/*/*{SEALED}"))
    )


def _is_whole(sealed: Path) -> bool:
    """Whether a Parquet file begins and ends as one: four bytes at each end."""
    try:
        with sealed.open("rb") as file:
            first = file.read(len(_MAGIC))
            file.seek(-len(_MAGIC), 2)
            return first == file.read() == _MAGIC
    except OSError:  # empty, or not to be read
        return False


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
