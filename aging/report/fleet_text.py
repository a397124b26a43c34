"""A scan on the terminal: who ages, then what else deserves a look, then counts and failures."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aging.findings.fleet.types import Scan, ScanFinding
from aging.report import fleet_wording as wording
from aging.report.wording import TONE

_COLORS = {"good": "green", "bad": "bold red", "warn": "yellow", "mute": "dim"}
_SHOWN_BESIDE = 10
_WHOLE = ("metric", "verdict", "rate", "now")
_FAILURES_SHOWN = 10


def show(scan: Scan, out: Console, *, every: bool = False) -> None:
    """Print a scan; ``every`` finding, or those that age and those that restart or stand at a maximum."""
    out.print(wording.headline(scan), style="bold red" if scan.aging else "bold", soft_wrap=True)
    out.print(wording.extent(scan), style="dim", soft_wrap=True)
    first = list(scan.findings) if every else list(scan.aging)
    if first:
        out.print()
        out.print(_table(first))
    for title, rest in () if every else wording.beside(scan):
        shown = rest[:_SHOWN_BESIDE]
        more = f", the first {len(shown)}" if len(shown) < len(rest) else ""
        out.print(f"\n{title} ({len(rest)} series{more}):")
        out.print(_table(shown))
    if scan.findings:
        out.print(f"\nverdicts: {wording.counts(scan)}", soft_wrap=True)
    if scan.failures:
        lost = sum(one.series for one in scan.failures)
        out.print(f"{len(scan.failures)} queries failed and cost {lost} series:", style="yellow", soft_wrap=True)
        for one in scan.failures[:_FAILURES_SHOWN]:
            out.print(f"  {one.metric}: {one.reason}", soft_wrap=True)


def _table(findings: Sequence[ScanFinding]) -> Table:
    grid = Table(box=None, pad_edge=False)
    for column in ("subject", "metric", "verdict", "rate", "95 % interval", "now", "reaches", "restarts"):
        grid.add_column(column, header_style="dim", overflow="fold", no_wrap=column in _WHOLE)
    for one in findings:
        grid.add_row(
            one.subject,
            one.metric,
            Text(one.verdict, _COLORS[TONE.get(one.verdict, "mute")]),
            wording.rate(one),
            wording.interval(one),
            wording.level(one),
            wording.reaches(one),
            wording.restarts(one),
        )
    return grid
