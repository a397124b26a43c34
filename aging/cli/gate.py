"""The gate's result in the terminal, for ``aging check``."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from aging.check.wording import (
    advice,
    by_severity,
    course,
    excluded_text,
    headline,
    limit_text,
    rate_text,
    site_text,
    word,
)
from aging.core.format import sentence
from aging.core.plain_text import one_line
from aging.findings.gate import ConditionResult, GateResult

_STYLES = {"passed": "bold green", "failed": "bold red", "inconclusive": "bold yellow", "server-failed": "bold red"}
_INDENT = "  "


def show_gate(gate: GateResult, console: Console) -> None:
    """Print baseline, servers that failed, conditions, doubts, what would decide, and last the result in a line."""
    if gate.baseline is not None:
        console.print(Text(f"compared with {one_line(gate.baseline.what)}: the differences are judged"), soft_wrap=True)
    for failure in gate.server_failures:
        text = one_line(f": {failure.deployment}: {failure.reason}")
        console.print(Text.assemble((word(failure.code), "bold red"), text), soft_wrap=True)
        for line in failure.log:
            console.print(Text(f"{_INDENT}| {one_line(line)}"), soft_wrap=True)
    for one in reversed(by_severity(gate)):
        console.print(
            Text.assemble((word(one.outcome), _STYLES[one.outcome]), one_line(f": {one.deployment}: {one.condition}")),
            soft_wrap=True,
        )
        for line in _details(one):
            console.print(Text(f"{_INDENT}{line}"), soft_wrap=True)
    for doubt in gate.doubts:
        console.print(Text(f"in doubt: {one_line(doubt)}", style="yellow"), soft_wrap=True)
    for line in (*gate.notes, *advice(gate)):
        console.print(Text(one_line(line)), soft_wrap=True)
    look = f"look {gate.look} of {gate.looks}"
    console.print(
        Text.assemble("gate: ", (one_line(f"{headline(gate)} ({look})"), _STYLES[gate.outcome])), soft_wrap=True
    )


def _details(one: ConditionResult) -> Iterator[str]:
    excluded = f", smallest leak excluded {excluded_text(one)}" if one.outcome == "passed" else ""
    drawn = course(one)
    yield f"{rate_text(one)}, limit {limit_text(one)}{excluded}, growth {one_line(one.growth)}{drawn and f'  {drawn}'}"
    yield one_line(sentence(one.reason[:1].upper() + one.reason[1:]))
    yield from map(one_line, (*one.grew, *site_text(one)))
