"""A scan on the terminal: who ages, then what else deserves a look, then counts and failures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from aging.findings.fleet.types import Scan, ScanFinding
from aging.report import fleet_wording as wording
from aging.report.wording import TONE

_COLORS = {"good": "green", "bad": "bold red", "warn": "yellow", "mute": "dim"}
_SHOWN_BESIDE = 10
_FAILURES_SHOWN = 10


def show(scan: Scan, out: Console, *, every: bool = False) -> None:
    """Print a scan; ``every`` finding, or those that age and those that deserve a look."""
    out.print(wording.headline(scan), style="bold red" if scan.aging else "bold", soft_wrap=True)
    out.print(wording.extent(scan), style="dim", soft_wrap=True)
    _print(scan.findings if every else scan.aging, out)
    for title, rest in () if every else wording.beside(scan):
        shown = rest[:_SHOWN_BESIDE]
        more = f", the first {len(shown)}" if len(shown) < len(rest) else ""
        out.print(f"\n{title} ({len(rest)} series{more}):", soft_wrap=True)
        _print(shown, out)
    if scan.findings:
        out.print(f"\nverdicts: {wording.counts(scan)}", soft_wrap=True)
    if scan.failures:
        lost = sum(one.series for one in scan.failures)
        out.print(f"{len(scan.failures)} queries failed and cost {lost} series:", style="yellow", soft_wrap=True)
        for one in scan.failures[:_FAILURES_SHOWN]:
            out.print(f"  {one.metric}: {one.reason}", soft_wrap=True)


def _print(findings: Sequence[ScanFinding], out: Console) -> None:
    for subject, those in _by_subject(findings):
        out.print(f"\n{subject}", style="bold", soft_wrap=True)
        for one in those:
            verdict = Text(one.verdict, _COLORS[TONE.get(one.verdict, "mute")])
            line = Text.assemble(f"  {one.metric}: ", verdict, f", {wording.sentence(one)}")
            out.print(line, soft_wrap=True)


def _by_subject(findings: Sequence[ScanFinding]) -> Iterator[tuple[str, Sequence[ScanFinding]]]:
    """The findings of each subject together, in the order in which the subjects first appear."""
    groups: dict[str, list[ScanFinding]] = {}
    for one in findings:
        groups.setdefault(one.subject, []).append(one)
    yield from groups.items()
