"""The page of a study: one offline file, the decision first, with links to the pages of its cells."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from markupsafe import Markup

from aging.core import format
from aging.core.errors import writing
from aging.core.format import readable_duration, utc
from aging.findings.problem_kinds import kind_description
from aging.findings.study.types import CellOutcome, StudyFinding
from aging.report.charts.svg import Shape, figure_svg
from aging.report.html.figure import figure_element
from aging.report.html.scripts import chart_scripts
from aging.report.html.templates import environment
from aging.report.study import wording
from aging.report.study.accounting import CellRow, collected, span
from aging.report.study.content import spread, tables
from aging.report.study.figures import forests
from aging.report.study.host_names import short_names
from aging.report.study.hosts import host_table
from aging.report.study.record import StudyRecord

_WIDE = Shape(1200, 300)
_MOST_ROWS = 500
_MOST_ATTEMPTS = 200
_MOST_PROBLEMS = 200
_TONES = {"counted": "good", "running": "mute", "starting": "mute", "collecting": "mute", "waiting": "mute"}


@dataclass(frozen=True, slots=True)
class ShownDecision:
    """A deployment of a variant as it is shown; ``by`` are the indicators by which it ages."""

    variant: str
    levels: str
    deployment: str
    finding: StudyFinding
    tone: str
    cells: str
    new_host: str
    by: Sequence[str]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class ShownCell:
    """A cell as it is shown. ``link`` is the address of its page, ``folder`` where its files are where it has none."""

    row: CellRow
    host: str | None
    tone: str
    planned: str
    files: str
    folder: str
    link: str | None


@dataclass(frozen=True, slots=True)
class Notice:
    """A line below the headline, with a link to its section."""

    text: str
    tone: str
    anchor: str


def write_page(record: StudyRecord, path: Path) -> None:
    """Write the page whole or not at all. Raises :class:`~aging.core.errors.StorageError`."""
    content = page(record, path.parent)
    temporary = path.with_name(path.name + ".tmp")
    with writing(path):
        temporary.write_text(content, encoding="utf-8", errors="replace")
        temporary.replace(path)


def page(record: StudyRecord, folder: Path) -> str:
    """The page as HTML; its links are relative to ``folder``."""
    findings, account = record.findings, record.account
    order = sorted(account.rows, key=lambda row: row.status == "counted")
    listed = {one.key: one for one in tables(findings, account)}
    plots, other_plots = forests(findings)
    between, deciding = spread(findings), [one.finding for one in wording.decisions(findings)]
    hosts = short_names([*record.state.hosts, *(row.host for row in account.rows if row.host is not None)])
    problems = [
        (kind_description(one.kind).title, one.cell, hosts.get(one.host or ""), one.message)
        for one in findings.problems[:_MOST_PROBLEMS]
    ]
    return (
        environment()
        .get_template("study.html.j2")
        .render(
            name=record.plan.file.name,
            description=record.plan.file.description,
            css=Markup(resources.files("aging.report.html").joinpath("report.css").read_text("utf-8")),
            charts=chart_scripts(),
            headline=wording.headline(findings),
            sentence=account.sentence,
            complete=findings.complete,
            notices=list(_notices(record)),
            facts=list(_facts(record)),
            decisions=list(_decisions(record)),
            shared_notes=_shared_notes(record),
            level=findings.level,
            differences=listed.get("differences"),
            rates=listed.get("rates"),
            indicators=listed.get("indicators"),
            forests=[figure_element(one, figure_svg(one, _WIDE)) for one in plots],
            other_forests=[figure_element(one, figure_svg(one, _WIDE)) for one in other_plots],
            between=[(one, wording.between_hosts(one)) for one in between if one in deciding],
            other_between=[(one, wording.between_hosts(one)) for one in between if one not in deciding],
            outliers=[wording.outlier(findings, one) for one in findings.outliers],
            hosts=host_table(record),
            cells=[_cell(record, row, folder, hosts) for row in order[:_MOST_ROWS]],
            cells_left_out=max(len(order) - _MOST_ROWS, 0),
            attempts=[
                (
                    one,
                    collected(one.files, one.size),
                    _address(record.root / one.evidence, folder) if one.evidence else None,
                )
                for one in findings.not_counted[:_MOST_ATTEMPTS]
            ],
            attempts_left_out=max(len(findings.not_counted) - _MOST_ATTEMPTS, 0),
            absences=[
                (one, f"{utc(one.begin):%Y-%m-%d %H:%M:%S} UTC", span(one.end - one.begin)) for one in record.absences
            ][:_MOST_ATTEMPTS],
            command=_command(record),
            fixed=list(_fixed(record)),
            problems=problems,
            problems_left_out=max(len(findings.problems) - _MOST_PROBLEMS, 0),
            version=version("llm-aging"),
            root=record.root.name,
        )
    )


def _notices(record: StudyRecord) -> Iterator[Notice]:
    findings = record.findings
    if missing := len(findings.missing):
        yield Notice(f"{missing} {'cell has' if missing == 1 else 'cells have'} no result", "bad", "cells")
    short = short_names(record.state.hosts)
    for host in dict.fromkeys(one.host for one in findings.outliers):
        yield Notice(f"Host {short.get(host, host)} is an outlier", "warn", "between-hosts")
    if findings.differing:
        facts = [one.fact for one in findings.differing]
        more = f" and {len(facts) - 3} more" if len(facts) > 3 else ""
        yield Notice(f"Hosts differ in {', '.join(facts[:3])}{more}", "warn", "hosts")
    for note in record.account.notes:
        yield Notice(f"{note[:1].upper()}{note[1:]}", "warn", "hosts")
    faults = [one for one in findings.problems if one.kind != "cell_missing"]
    if faults:
        yield Notice(
            f"{len(faults)} {'problem' if len(faults) == 1 else 'problems'} of the measurement", "warn", "problems"
        )


def _facts(record: StudyRecord) -> Iterator[tuple[str, str]]:
    account, findings = record.account, record.findings
    yield "Study", account.state
    if account.started is not None:
        yield "Started", f"{utc(account.started):%Y-%m-%d %H:%M} UTC"
    if account.elapsed is not None:
        yield "Elapsed", readable_duration(account.elapsed)
    yield "Cells with a result", f"{len(account.rows) - len(account.missing)} of {len(account.rows)}"
    measured = {row.host for row in account.rows if row.status == "counted"}
    others = sum(one.refused is not None and one.name not in measured for one in account.hosts)
    unfit = f"; {others} more {'does' if others == 1 else 'do'} not fit" if others else ""
    yield "Hosts measured", f"{len(measured)} of {len(account.hosts) - others} that fit{unfit}"
    yield "Attempts", f"{sum(row.attempts for row in account.rows)}, {len(findings.not_counted)} not counted"
    if record.state.runners > 1:
        yield "Begun or resumed", f"{record.state.runners} times"


def _shared_notes(record: StudyRecord) -> Sequence[str]:
    """The notes that every one of several decisions has, which are said once for all of them."""
    decided = wording.decisions(record.findings)
    counts = Counter(note for one in decided for note in dict.fromkeys(one.finding.notes))
    return [note for note, count in counts.items() if count == len(decided) > 1]


def _decisions(record: StudyRecord) -> Iterator[ShownDecision]:
    shared = _shared_notes(record)
    of_variant: dict[str, CellOutcome] = {}
    for cell in record.findings.cells:
        of_variant.setdefault(cell.variant, cell)
    for one in wording.decisions(record.findings):
        planned = of_variant.get(one.variant)
        finding = one.finding
        yield ShownDecision(
            one.variant,
            "" if planned is None else wording.levels(planned.levels),
            one.deployment,
            finding,
            one.tone,
            wording.cells_used(finding),
            format.interval(finding.indicator, finding.new_host_per_hour, "h"),
            list(dict.fromkeys(each.indicator for each in one.ages_by if each.indicator != finding.indicator)),
            [note for note in finding.notes if note not in shared],
        )


def _cell(record: StudyRecord, row: CellRow, folder: Path, hosts: Mapping[str, str]) -> ShownCell:
    planned = "" if row.remaining is None else f"{span(row.remaining)} remaining"
    files = collected(row.files, row.size)
    link, where = None, ""
    if row.attempt is not None and row.files:
        root = record.layout.attempt(row.cell, row.attempt)
        where = root.relative_to(record.root).as_posix()
        report = root / "report.html"
        link = _address(report, folder) if report.is_file() else None
        where = "" if link else where
    host = None if row.host is None else hosts.get(row.host, row.host)
    return ShownCell(row, host, _TONES.get(row.status, "bad"), planned, files, where, link)


def _address(target: Path, folder: Path) -> str:
    """A relative address: ``./`` before it, so that no name of a cell is read as a scheme."""
    return f"./{quote(Path(os.path.relpath(target, folder)).as_posix())}"


def _command(record: StudyRecord) -> str:
    """The command that repeats the study from the copies in its folder."""
    if record.layout.study.is_file():
        return "aging run study.toml --cluster auto"
    hosts = record.plan.file.replicates
    return f"aging run campaign.toml --cluster auto --hosts {shlex.quote(str(hosts))}"


def _fixed(record: StudyRecord) -> Iterator[tuple[str, str]]:
    file = record.plan.file
    yield "Seed of the assignment to hosts", str(file.seed)
    yield "Replicates", str(file.replicates)
    yield "Attempts at a cell, at most", str(file.attempts)
    yield "Patience with a lost host", readable_duration(file.patience)
    for key, levels in file.matrix.items():
        yield key, ", ".join(map(str, levels))
    yield from record.plan.versions.items()
