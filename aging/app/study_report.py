"""From a study's folder to its report: the page, or its tables as Markdown or LaTeX."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from aging.core.errors import writing
from aging.report.study.record import StudyRecord
from aging.report.tables.content import Table
from aging.report.tables.latex import latex
from aging.report.tables.markdown import markdown
from aging.store.lock import owner_of
from aging.study.jobs import with_jobs
from aging.study.layout import StudyLayout
from aging.study.ledger import read_ledger
from aging.study.plan_file import read_plan
from aging.study.state import fold

_FORMATS: Mapping[str, Callable[[Sequence[Table], str], str]] = {"markdown": markdown, "latex": latex}


def read_study(root: Path, failed: Mapping[str, str] | None = None) -> StudyRecord:
    """A study as its folder has it now, with findings that are built anew from those of its cells.

    ``failed`` has the reasons of cells that could not be analyzed just now. Raises
    :class:`~aging.core.errors.ResultsError` for a folder that is no study's.
    """
    from aging.findings.study.build import analyze_study  # noqa: PLC0415 - the statistics take long to import

    layout = StudyLayout(root)
    plan = read_plan(layout)
    events = read_ledger(layout.ledger)
    owner = owner_of(root)
    runner = owner.pid if owner is not None and owner.role == "study" else None
    state = with_jobs(layout, fold(events))
    return StudyRecord(root, plan, state, events, analyze_study(root, failed), time.time(), runner)


def write_page(root: Path, path: Path | None = None) -> Path:
    """Write the page to ``path``, by default into the study's folder; where it was written."""
    record = read_study(root)
    target = record.layout.report if path is None else path
    write_record(record, target)
    return target


def write_record(record: StudyRecord, path: Path) -> None:
    """Write the page of a study that was read."""
    from aging.report.study.page import write_page as write  # noqa: PLC0415 - jinja2

    write(record, path)


def table_text(root: Path, format: str) -> str:
    """The tables of a study as ``markdown`` or ``latex``; nothing is written."""
    from aging.report.study.content import tables  # noqa: PLC0415 - as above

    record = read_study(root)
    return _FORMATS[format](tables(record.findings, record.account), record.plan.file.name)


def write_tables(root: Path, format: str, path: Path) -> None:
    """Write :func:`table_text` to a file, whole or not at all."""
    content = table_text(root, format)
    temporary = path.with_name(path.name + ".tmp")
    with writing(path):
        temporary.write_text(content, encoding="utf-8", errors="replace")
        temporary.replace(path)
