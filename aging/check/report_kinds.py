"""The reports that a command line asks for: ``--report KIND=PATH``, checked before the run, written after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aging.check.reports
from aging.campaign.errors import suggestion
from aging.check.reports.base import GateContext, ReportFormat
from aging.core.errors import Mistake, MistakesError, StorageError
from aging.core.output_path import path_problem
from aging.core.plugins import Plugins
from aging.findings.gate import GateResult


@dataclass(frozen=True, slots=True)
class WantedReport:
    """A format and where its report is written; without ``path`` it is printed."""

    format: ReportFormat
    path: Path | None


def report_formats() -> Plugins[type[ReportFormat]]:
    """The formats by kind, imported when they are asked for."""
    return Plugins(aging.check.reports, "aging.check.reports.base:ReportFormat")


def parse_reports(texts: Sequence[str]) -> list[WantedReport]:
    """Reports as written on the command line. Raises MistakesError with every text that cannot be done."""
    wanted: list[WantedReport] = []
    mistakes: list[Mistake] = []
    for text in texts:
        kind, _, name = text.partition("=")
        problem = _problem(kind, name)
        if problem is None:
            path = Path(name) if name else None
            if path is not None and path in {one.path for one in wanted}:
                problem = f"{name} is named twice; give each report a file of its own"
            else:
                wanted.append(WantedReport(report_formats()[kind](), path))
        if problem is not None:
            mistakes.append(Mistake(repr(text), problem))
    if mistakes:
        raise MistakesError("--report", mistakes)
    return wanted


def write_reports(
    wanted: Sequence[WantedReport], gate: GateResult, context: GateContext, out: Callable[[str], None]
) -> list[str]:
    """Write or print every report, and return what could not be written: then no gate may end with exit 0."""
    problems = []
    for one in wanted:
        try:
            one.format.deliver(gate, context, one.path, out)
        except StorageError as error:
            problems.append(f"report {one.format.kind}: {error}")
    return problems


def _problem(kind: str, name: str) -> str | None:
    """What is wrong with one report as written; None if nothing is."""
    formats = report_formats()
    if kind not in formats:
        return f"unknown report {kind!r}; {suggestion(kind, formats)}; write KIND=PATH, like junit=gate.xml"
    if not name:
        return None if formats[kind].printable else f"has no path; write {kind}=PATH"
    return path_problem(Path(name))
