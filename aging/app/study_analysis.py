"""The findings of a study, in a process of its own: of every cell that has none of its end, then of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aging.app.analyze import derive
from aging.app.study_report import read_study, write_record
from aging.core.errors import AgingError
from aging.core.parts import REPORT
from aging.findings.findings_file import written_since_the_end
from aging.findings.study.file import write_study_findings
from aging.report.study.record import StudyRecord
from aging.store.results import open_results
from aging.study.layout import StudyLayout
from aging.study.ledger import read_ledger
from aging.study.state import fold


def analyze(root: str) -> dict[str, str]:
    """Write the findings of the study in this folder; return what was written, by its name.

    A cell that cannot be analyzed is missing in them, with the reason.
    """
    layout = StudyLayout(Path(root))
    failed: dict[str, str] = {}
    for cell, directory in counting(layout).items():
        try:
            if written_since_the_end(open_results(directory)) is None:
                derive(directory)
        except AgingError as error:
            failed[cell] = str(error)
    return written(conclude(layout, failed))


def counting(layout: StudyLayout) -> Mapping[str, Path]:
    """The result directories of the attempts that count, by cell."""
    cells = fold(read_ledger(layout.ledger)).cells.values()
    return {cell.name: layout.attempt(cell.name, cell.result.number) for cell in cells if cell.result is not None}


def conclude(layout: StudyLayout, failed: Mapping[str, str]) -> StudyRecord:
    """Write the findings of the whole from those of its cells, and its page; ``failed`` says which cells have none."""
    record = read_study(layout.root, failed)
    write_study_findings(record.findings, layout.findings)
    if REPORT.installed:
        write_record(record, layout.report)
    return record


def written(record: StudyRecord) -> dict[str, str]:
    """Where :func:`conclude` has written, by name."""
    layout = record.layout
    found = {"findings": str(layout.findings)}
    return found | {"report": str(layout.report)} if REPORT.installed else found
