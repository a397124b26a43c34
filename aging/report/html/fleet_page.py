"""The page of a scan: one offline file with a small plot of every series that is shown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from markupsafe import Markup, escape

from aging.core.errors import writing
from aging.findings.fleet.types import Scan, ScanFinding, Trace
from aging.report import fleet_wording
from aging.report.html.templates import environment
from aging.report.wording import TONE

_WIDTH, _HEIGHT, _MARGIN = 180.0, 34.0, 2.0
_MOST_ROWS = 200
_UNDECIDED = "inconclusive"


@dataclass(frozen=True, slots=True)
class Row:
    """A finding as it is shown."""

    finding: ScanFinding
    tone: str
    pod: str
    rate: str
    interval: str
    level: str
    reaches: str
    restarts: str
    spark: Markup


@dataclass(frozen=True, slots=True)
class Group:
    """Findings under one heading; ``left_out`` are too many for the page."""

    anchor: str
    title: str
    note: str
    rows: Sequence[Row]
    left_out: int


def write_page(scan: Scan, path: Path) -> None:
    """Write the page whole or not at all. Raises :class:`~aging.core.errors.StorageError`."""
    content = page(scan)
    temporary = path.with_name(path.name + ".tmp")
    with writing(path):
        temporary.write_text(content, encoding="utf-8", errors="replace")
        temporary.replace(path)


def page(scan: Scan) -> str:
    """The page as HTML."""
    return (
        environment()
        .get_template("fleet.html.j2")
        .render(
            scan=scan,
            css=Markup(resources.files("aging.report.html").joinpath("report.css").read_text("utf-8")),
            headline=fleet_wording.headline(scan),
            extent=fleet_wording.extent(scan),
            tone="bad" if scan.aging else "good" if scan.findings else "mute",
            groups=list(_groups(scan)),
        )
    )


def _groups(scan: Scan) -> Iterator[Group]:
    others = [one for one in scan.findings if not one.ages]
    for anchor, title, note, findings in (
        ("aging", "Aging", "Sustained growth, significant after false-discovery control.", scan.aging),
        ("others", "Not aging", "No sustained growth was found.", [one for one in others if one.verdict != _UNDECIDED]),
        ("undecided", "Undecided", "The data cannot tell.", [one for one in others if one.verdict == _UNDECIDED]),
    ):
        if findings:
            rows = [_row(one) for one in findings[:_MOST_ROWS]]
            yield Group(anchor, f"{title} ({len(findings):,})", note, rows, max(len(findings) - _MOST_ROWS, 0))


def _row(finding: ScanFinding) -> Row:
    latest = finding.latest.get("pod", "")
    return Row(
        finding,
        TONE.get(finding.verdict, "mute"),
        latest if latest not in finding.subject else "",
        fleet_wording.rate(finding),
        fleet_wording.interval(finding),
        fleet_wording.level(finding),
        fleet_wording.reaches(finding),
        fleet_wording.restarts(finding),
        spark(finding.trace, f"{finding.metric} of {finding.subject}"),
    )


def spark(trace: Trace, label: str) -> Markup:
    """A small plot by hand: a figure of matplotlib takes 20 ms, and a page has hundreds."""
    known = [y for y in trace.y if math.isfinite(y)]
    if not known or len(trace.t) < 2:
        return Markup("")
    low, span = min(known), (max(known) - min(known)) or 1.0
    first, length = trace.t[0], trace.t[-1] - trace.t[0]

    def across(t: float) -> str:
        return f"{_MARGIN + (t - first) / length * (_WIDTH - 2 * _MARGIN):.1f}"

    pieces: list[list[str]] = [[]]
    for t, y in zip(trace.t, trace.y, strict=True):
        if math.isfinite(y):
            pieces[-1].append(f"{across(t)},{_HEIGHT - _MARGIN - (y - low) / span * (_HEIGHT - 2 * _MARGIN):.1f}")
        elif pieces[-1]:
            pieces.append([])
    drawn = "".join(f'<polyline points="{" ".join(piece)}"/>' for piece in pieces if piece)
    marks = "".join(f'<line x1="{across(at)}" x2="{across(at)}" y1="0" y2="{_HEIGHT:g}"/>' for at in trace.restarts)
    box = f'viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}"'
    return Markup(f'<svg class="spark" {box} role="img" aria-label="{escape(label)}">{marks}{drawn}</svg>')
