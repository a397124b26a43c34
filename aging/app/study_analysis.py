"""The findings of a study, in a process of its own: of every cell that has none of its end, then of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aging.app.analyze import derive
from aging.app.study_report import write_page
from aging.core.parts import REPORT
from aging.findings.findings_file import written_since_the_end
from aging.findings.study.build import analyze_study
from aging.findings.study.file import write_study_findings
from aging.store.results import open_results
from aging.study.layout import StudyLayout
from aging.study.ledger import read_ledger
from aging.study.state import fold


def analyze(root: str) -> dict[str, str]:
    """Write the findings of the study in this folder; return what was written, by its name."""
    layout = StudyLayout(Path(root))
    for directory in counting(layout):
        if written_since_the_end(open_results(directory)) is None:
            derive(directory)
    return conclude(layout)


def counting(layout: StudyLayout) -> Sequence[Path]:
    """The result directories of the attempts that count, by cell."""
    cells = fold(read_ledger(layout.ledger)).cells.values()
    return [layout.attempt(cell.name, cell.result.number) for cell in cells if cell.result is not None]


def conclude(layout: StudyLayout) -> dict[str, str]:
    """Write the findings of the whole from those of its cells; return what was written, by its name."""
    write_study_findings(analyze_study(layout.root), layout.findings)
    written = {"findings": str(layout.findings)}
    if REPORT.installed:
        written["report"] = str(write_page(layout.root))
    return written
