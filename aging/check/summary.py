"""The gate's result as Markdown: a comment of a pull request, or the summary of a CI step.

GitHub takes 65,536 characters in a comment and 1 MiB in a step's summary; a reader takes less: 20 KB at most.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from aging.check.reports.base import GateContext
from aging.check.wording import (
    advice,
    by_severity,
    course,
    excluded_text,
    exit_code,
    headline,
    limit_text,
    rate_text,
    reason,
    site_text,
    word,
)
from aging.core.markdown_text import code, cut, prose
from aging.core.plain_text import lines, shortened
from aging.findings.gate import ConditionResult, GateResult

MOST_BYTES = 20_000

_SIGNS = {"passed": "🟢", "failed": "🔴", "inconclusive": "🟡", "server-failed": "🔴"}


@dataclass(frozen=True, slots=True)
class _Detail:
    """How much is shown: rows of a table, lines of a log, characters of a text."""

    rows: int
    log: int
    text: int


_DETAILS = (_Detail(60, 40, 600), _Detail(40, 20, 400), _Detail(25, 10, 250), _Detail(12, 5, 160), _Detail(6, 3, 100))
"""Tried in turn until the page is small enough."""


def markdown(gate: GateResult, context: GateContext) -> str:
    """The page, at most :data:`MOST_BYTES` long in UTF-8."""
    pages = ("\n".join(_page(gate, context, detail)) + "\n" for detail in _DETAILS)
    page = next((page for page in pages if len(page.encode()) <= MOST_BYTES), None)
    return page if page is not None else "\n".join(_head(gate, context, _DETAILS[-1])) + "\n"


def fenced(text: Sequence[str]) -> list[str]:
    """Lines as a block of code, whatever they hold."""
    longest = max((len(run) for line in text for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(longest + 1, 3)
    return [f"{fence}text", *text, fence]


def _page(gate: GateResult, context: GateContext, detail: _Detail) -> Iterator[str]:
    yield from _head(gate, context, detail)
    yield from _failures(gate, detail)
    yield from _table(gate, detail)
    yield from _reasons(gate, detail)
    yield from _listed("What to do", advice(gate), detail)
    yield from _listed("Doubts about the measurement", gate.doubts, detail)
    yield from _listed("Notes", gate.notes, detail)
    yield from _growth(gate, detail)
    yield ""
    yield from _footer(gate, context)


def _head(gate: GateResult, context: GateContext, detail: _Detail) -> list[str]:
    sign = _SIGNS[gate.outcome]
    return [f"### {sign} aging: {prose(headline(gate), detail.text)}", "", f"Campaign {code(context.campaign, 100)}."]


def _failures(gate: GateResult, detail: _Detail) -> Iterator[str]:
    for one in gate.server_failures[: detail.rows]:
        yield ""
        yield f"**{code(one.deployment, 100)} {word(one.code)}.** {prose(one.reason, detail.text)}"
        log = [shortened(line, detail.text) for line in lines(one.log[-detail.log :])[-detail.log :]]
        if log:
            yield ""
            yield f"<details><summary>The last {len(log)} lines of its log</summary>"
            yield ""
            yield from fenced(log)
            yield ""
            yield "</details>"


def _table(gate: GateResult, detail: _Detail) -> Iterator[str]:
    conditions = by_severity(gate)
    if not conditions:
        return
    yield ""
    yield "| | deployment | fails if | rate [interval] | smallest leak excluded | course |"
    yield "|---|---|---|---|---|---|"
    for one in conditions[: detail.rows]:
        sign = f"{_SIGNS[one.outcome]} {word(one.outcome)}"
        excluded = excluded_text(one) if one.outcome == "passed" else "–"
        cells = (sign, code(one.deployment, 80), code(one.condition, detail.text), rate_text(one), excluded)
        yield f"| {' | '.join((*cells, course(one)))} |"
    yield from _left_out(len(conditions) - detail.rows)


def _reasons(gate: GateResult, detail: _Detail) -> Iterator[str]:
    named = [
        f"{code(one.deployment, 80)} {word(one.outcome)} (limit {limit_text(one)}, growth {prose(one.growth, 40)}): "
        f"{prose(reason(one), detail.text)}"
        for one in by_severity(gate)
        if one.outcome != "passed"
    ]
    yield from _bullets("Why", named, detail)


def _growth(gate: GateResult, detail: _Detail) -> Iterator[str]:
    shown = [one for one in by_severity(gate) if one.grew or one.sites]
    for one in shown[: detail.log]:
        yield ""
        yield f"<details open><summary>What grew in <code>{prose(one.deployment, 80)}</code></summary>"
        yield ""
        yield from (f"- {prose(text, detail.text)}" for text in one.grew[: detail.log])
        yield from _sites(one, detail)
        yield ""
        yield "</details>"


def _sites(one: ConditionResult, detail: _Detail) -> list[str]:
    sites = [cut(text, detail.text) for text in site_text(one, detail.log)]
    return ["", *fenced(sites)] if sites else []


def _listed(title: str, texts: Iterable[str], detail: _Detail) -> Iterator[str]:
    yield from _bullets(title, [prose(text, detail.text) for text in texts], detail)


def _bullets(title: str, texts: Sequence[str], detail: _Detail) -> Iterator[str]:
    if texts:
        yield ""
        yield f"**{title}**"
        yield ""
        yield from (f"- {text}" for text in texts[: detail.rows])
        yield from _left_out(len(texts) - detail.rows)


def _left_out(count: int) -> list[str]:
    return ["", f"{count} more are in `findings.json`."] if count > 0 else []


def _footer(gate: GateResult, context: GateContext) -> Iterator[str]:
    errors = f"false red ≤ {gate.alpha:.2g}, false green ≤ {gate.beta:.2g} at twice the limit"
    yield f"Look {gate.look} of {gate.looks}; {errors}; exit code {int(exit_code(gate))}."
    if gate.baseline is not None:
        yield f"Compared with {code(gate.baseline.what)} ({gate.baseline.kind})."
    yield f"Results: {code(str(context.results))}."
