"""The findings of a study, in a process of its own: of every cell that has none, then of the whole."""

from __future__ import annotations

from pathlib import Path

from aging.app.analyze import derive
from aging.findings.study.build import analyze_study
from aging.findings.study.file import write_study_findings
from aging.store.layout import Layout
from aging.study.layout import StudyLayout
from aging.study.ledger import read_ledger
from aging.study.state import fold


def analyze(root: str) -> dict[str, str]:
    """Write the findings of the study in this folder; return what was written, by its name."""
    layout = StudyLayout(Path(root))
    for cell in fold(read_ledger(layout.ledger)).cells.values():
        if cell.result is not None:
            here = Layout(layout.attempt(cell.name, cell.result.number))
            if not here.findings.exists():
                derive(here.root)
    write_study_findings(analyze_study(layout.root), layout.findings)
    return {"findings": str(layout.findings)}
