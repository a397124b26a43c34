"""Rejuvenations: what each of them did, level and time to first token around them, and policies compared."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup

from aging.core import format
from aging.findings.latencies import SINCE, Base
from aging.findings.types import LevelChange, RejuvenationEffect
from aging.report import rejuvenations
from aging.report.charts.latency import latency_chart
from aging.report.charts.svg import LOW, figure_svg
from aging.report.html.context import Context
from aging.report.html.figure import figure_element
from aging.report.html.templates import render
from aging.report.sections.base import Section

_BASE: Base = "waited"
"""Users wait for a rejuvenation, too."""

_MOST = 200
"""Of more events of a deployment the first and the last are shown."""

_OPEN = 12
"""More rows than these are in a closed fold."""

_TONES = {"helped": "good", "unhelpful": "warn", "undone": "warn"}

_TEMPLATE = """
{% from "macros.html.j2" import fold, mark, run_name, wide %}
{% macro events(rows) %}
{% call wide("Rejuvenations, one a row") %}<table class="findings">
<thead><tr><th scope="col">When</th><th scope="col">What and why</th><th scope="col">Requests</th>
<th scope="col">Time to first token</th><th scope="col">Level</th></tr></thead>
<tbody>
{% for row in rows %}
{% if row.left_out %}
<tr><td colspan="5">{{ row.left_out | count }} rejuvenations are left out here; <code>findings.json</code> has all</td>
</tr>
{% else %}
<tr>
<th scope="row">{{ row.one.at_seconds | clock }}
<span class="sub">{{ row.one.wall[:19] }} UTC{% if row.replica %}, replica {{ row.replica }}{% endif %}</span>
{{ mark(row.tone, "·", row.one.outcome) }}</th>
<td>{{ row.what }}<span class="sub">{{ row.one.reason }}</span>
{% for text in row.more %}<span class="sub">{{ text }}</span>{% endfor %}</td>
<td{% if row.one.lost %} class="bad-text"{% endif %}>{% for text in row.requests %}
<span class="sub">{{ text }}</span>{% endfor %}</td>
<td>{% for text in row.latency %}<span class="sub">{{ text }}</span>{% endfor %}</td>
<td>{% for text in row.levels %}<span class="sub">{{ text }}</span>{% endfor %}</td>
</tr>
{% endif %}
{% endfor %}
</tbody></table>{% endcall %}
{% endmacro %}
<p class="note">A request is lost if it was due or in flight while the rejuvenation lasted, or waited because of it, and
was not answered. Times to first token are seconds of a request {{ since }}. The level before is that at the begin,
the level after that of the first minute of a new generation, or at the end where the process stays.</p>
{% for group in groups %}
<h3>{{ group.name }}</h3>
<p class="{{ "bad-text" if group.tone == "bad" else "note" }}">{{ group.summary }}</p>
{% if group.plots %}<div class="plots large">
{% for plot in group.plots %}
{{ figure(plot.chart, plot.svg, run_name(plot.title, plot.replica)) }}
{% endfor %}
</div>{% endif %}
{% if group.folded %}{% call fold(group.count ~ " rejuvenations") %}{{ events(group.rows) }}{% endcall %}
{% else %}{{ events(group.rows) }}{% endif %}
{% endfor %}
{% for name, text in decisions %}<p class="note">{{ name }}: {{ text }}</p>
{% endfor %}
{% if policies %}
<h3>Policies compared</h3>
{% call wide("Policies compared") %}<table class="findings">
<thead><tr>{% for column in columns %}<th scope="col"{% if not loop.first %} class="num"{% endif %}>{{ column }}</th>
{% endfor %}</tr></thead>
<tbody>
{% for cells in policies %}
<tr>{% for cell in cells %}{% if loop.first %}<th scope="row">{{ cell }}</th>{% else %}<td class="num">{{ cell }}</td>
{% endif %}{% endfor %}</tr>
{% endfor %}
</tbody></table>{% endcall %}
{% endif %}
"""


class Rejuvenation(Section):
    """Of every rejuvenated deployment a sentence, its plots and a row an event; then policies compared."""

    kind = "rejuvenation"
    title = "Rejuvenations"
    order = 14

    def render(self, context: Context) -> Markup:
        findings = context.findings
        if not (findings.rejuvenations or findings.decisions_not_carried_out or findings.policies):
            return Markup()
        groups = [
            _group(context, name, list(group))
            for name, group in groupby(findings.rejuvenations, key=lambda one: one.deployment)
        ]
        return render(
            _TEMPLATE,
            groups=groups,
            figure=figure_element,
            since=SINCE[_BASE],
            decisions=list(rejuvenations.decisions(findings.decisions_not_carried_out)),
            columns=rejuvenations.POLICY_COLUMNS,
            policies=[rejuvenations.policy_cells(one) for one in findings.policies],
        )


def _group(context: Context, name: str, effects: Sequence[RejuvenationEffect]) -> dict[str, Any]:
    several = len(context.results.replicas(name)) > 1
    rows = [_row(one, several=several) for one in effects]
    if len(rows) > _MOST:
        half = _MOST // 2
        rows = [*rows[:half], {"left_out": len(rows) - 2 * half}, *rows[-half:]]
    return {
        "name": name,
        "summary": rejuvenations.summary(effects),
        "tone": rejuvenations.tone(effects),
        "plots": [
            plot
            for replica in dict.fromkeys(one.replica for one in effects)
            for plot in _plots(context, name, replica, replica if several else None)
        ],
        "rows": rows,
        "count": len(effects),
        "folded": len(rows) > _OPEN,
    }


def _plots(context: Context, name: str, replica: int, shown: int | None) -> list[dict[str, Any]]:
    """Level and time to first token of a run, with its rejuvenations marked."""
    charts = []
    if (memory := context.memory.get((name, replica))) is not None:
        charts.append(("memory", memory))
    if (latency := latency_chart(context.measured, name, replica, _BASE)) is not None and latency.lines:
        charts.append(("time to first token, median to 95 % and 99 %", latency))
    return [
        {"title": title, "replica": shown, "chart": chart, "svg": figure_svg(chart, LOW)} for title, chart in charts
    ]


def _row(one: RejuvenationEffect, *, several: bool) -> dict[str, Any]:
    generations = f"generation {one.generation_before}"
    if one.generation_after is not None and one.generation_after != one.generation_before:
        generations += f" to {one.generation_after}"
    took = "" if one.seconds is None else f" in {rejuvenations.seconds(one.seconds)}"
    stages = ", ".join(f"{stage} {rejuvenations.seconds(seconds)}" for stage, seconds in one.stages.items())
    return {
        "left_out": 0,
        "one": one,
        "replica": one.replica if several else None,
        "tone": _TONES.get(one.outcome, "bad"),
        "what": f"{one.action} by {one.policy or format.NONE}, {generations}{took}",
        "more": [text for text in (stages, one.why) if text],
        "requests": _requests(one),
        "latency": [
            f"before: {rejuvenations.first_tokens(one.ttft_before)}",
            f"during: {rejuvenations.first_tokens(one.ttft_during)}",
            f"after: {rejuvenations.first_tokens(one.ttft_after)}",
            rejuvenations.steady([one]),
        ],
        "levels": [text for change in one.levels for text in _level(change)],
    }


def _requests(one: RejuvenationEffect) -> list[str]:
    seconds = rejuvenations.seconds
    kinds = f" ({', '.join(f'{kind}: {count}' for kind, count in one.lost.items())})" if one.lost else ""
    told = [f"{one.arrived:,} arrived, {one.lost_total:,} lost{kinds}"]
    if one.held:
        waits = f"median {seconds(one.held_median_seconds)}, 99 % within {seconds(one.held_p99_seconds)}"
        told.append(f"{one.held:,} held: {waits}, longest {seconds(one.held_longest_seconds)}")
    told.append(f"{one.cut:,} cut, {one.retried:,} retried, {one.duplicated:,} duplicated")
    if one.unsent:
        told.append(f"{one.unsent:,} due while no load process ran")
    return [*told, f"no new request answered for {seconds(one.unavailable_seconds)}"]


def _level(change: LevelChange) -> list[str]:
    indicator = change.indicator
    levels = f"{format.level(indicator, change.before)} before, {format.level(indicator, change.after)} after"
    before = "; its growth before is not known"
    if change.rate_before_per_hour is not None:
        rate = format.slope(indicator, change.rate_before_per_hour, "h", change.ci_before_per_hour)
        before = f"; it grew at {rate} before"
    told = [f"{indicator}: {levels}", f"{rejuvenations.freed(change)}{before}"]
    told.append("; ".join(text for text in (rejuvenations.growth(change), rejuvenations.back(change)) if text))
    return told
