"""``findings.json``: written whole, and read back where the analysis itself is not to be imported."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter

from aging.core.errors import writing
from aging.findings.types import Findings


def read_findings(path: Path) -> Findings:
    """The findings that an analysis of this release has written to ``path``."""
    return TypeAdapter(Findings).validate_json(path.read_bytes())


def write_findings(findings: Findings, path: Path) -> None:
    """Write ``findings.json`` whole or not at all; every key is there, null where not known."""
    temporary = path.with_name(path.name + ".tmp")
    content = json.dumps(asdict(findings), indent=1, allow_nan=False, default=list) + "\n"
    with writing(path):
        temporary.write_text(content)
        temporary.replace(path)
