"""Deployments: of each a folded block with all of its indicators, its replicas, and where its memory grew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from aging.core import format
from aging.core.metrics import PRIMARY, is_engine_series
from aging.findings.first_limit import AGES
from aging.findings.types import Finding, GrowthPlaces
from aging.report import outlook
from aging.report.charts.chart import Chart, Forest
from aging.report.charts.forest import replica_forest
from aging.report.charts.indicator import indicator_chart
from aging.report.charts.overlay import overlaid
from aging.report.charts.places import mapping_kinds_chart, process_places_chart
from aging.report.charts.svg import LOW, SMALL, Shape, figure_svg
from aging.report.html.context import Context
from aging.report.html.figure import figure_element
from aging.report.html.templates import render
from aging.report.sections.base import Section

_TEMPLATE = """
{% from "macros.html.j2" import chip, wide %}
<p class="note">Open a deployment to see each of its indicators: the judged medians, the slope with its 95&nbsp;%
interval, and the rate at the end where that is another. Every plot has a scale of its own.</p>
{% for block in blocks %}
<details class="block">
<summary><h3>{{ block.name | named }}</h3>{% if block.finding %}{{ chip(block.finding.verdict) }}
<span class="rate">{{ block.rate }}</span>{% endif %}<span class="sub">{{ block.counts }}</span></summary>
<div class="inner" id="{{ block.anchor }}">
{% for text in block.sentences %}<p class="note">{{ text }}</p>
{% endfor %}
{% if block.forests %}
<h4>Replicas</h4>
<div class="plots large">
{% for one, svg, note in block.forests %}{{ figure(one, svg, none, note) }}
{% endfor %}</div>
{% endif %}
{% for place in block.places %}
<h4>Where memory grew{% if place.replica %}, replica {{ place.replica }}{% endif %}</h4>
<div class="columns">
{% for title, rows in place.tables %}
<div>
{% call wide(title ~ " of " ~ block.name ~ (" " ~ place.replica if place.replica else "")) %}
<table class="findings plain"><thead><tr><th scope="col">{{ title }}</th><th scope="col" class="num">Growth</th>
<th scope="col" class="num">Share</th></tr></thead>
<tbody>{% for row in rows %}
<tr><th scope="row">{{ row.name | named }}{% if row.sub %}<span class="sub">{{ row.sub | named }}</span>{% endif %}</th>
<td class="num">{{ row.rate }}</td>
<td class="num">{% if row.share is not none %}<span class="bar w{{ row.bar }}" aria-hidden="true"></span>{{ row.share }}
{%- endif %}</td></tr>
{% endfor %}</tbody></table>
{% endcall %}
</div>
{% endfor %}
</div>
{% endfor %}
{% if block.parts %}
<h4>Memory by process and by kind of mapping</h4>
<div class="plots large">
{% for title, chart, svg in block.parts %}
{% set caption %}<span class="name">{{ title }}</span>{% endset %}
{{ figure(chart, svg, caption, chart.notes | join(" ")) }}
{% endfor %}</div>
{% endif %}
{% for title, plots in block.groups %}
<h4>{{ title }}</h4>
<div class="plots mini">
{% for plot in plots %}
{% set caption %}<span class="name code">{{ plot.finding.indicator | named }}</span>
{{ chip(plot.finding.verdict) }}{% endset %}
{{ figure(plot.chart, plot.svg, caption, plot.note) }}
{% endfor %}
</div>
{% endfor %}
{% if block.left_out %}<p class="note">{{ block.left_out }} more are in
<a href="#indicators">All indicators</a> alone.</p>{% endif %}
<p class="note"><a href="#decision">Back to the decision</a></p>
</div>
</details>
{% endfor %}
"""

MINIATURE = Shape(380, 176, 56)
_MOST = 48
"""Of more indicators of a deployment the engine's steady ones have no plot."""

_MOST_PLOTS = 400
"""Plots of the blocks of a page: each takes some 10 KB."""

_MOST_MARKS = 200
_MOST_REPLICAS = 3
_GROUPS = ("Memory", "Process", "Latency and objectives", "Engine")
_MEMORY = ("process_anon", "process_rss", "process_heap", "process_vms", "process_uss", "device_", "process_stack")


class Deployments(Section):
    """One block per deployment, closed; print opens all."""

    kind = "deployments"
    title = "Deployments"
    order = 55

    def render(self, context: Context) -> Markup:
        names = context.results.deployments
        if not names or not context.findings.findings:
            return Markup()
        most = max(min(_MOST, _MOST_PLOTS // len(names)), 1)
        return render(_TEMPLATE, blocks=[_block(context, name, most) for name in names], figure=figure_element)


def _block(context: Context, name: str, most: int) -> dict[str, Any]:
    own = [one for one in context.findings.findings if one.deployment == name]
    memory = context.found.get((name, PRIMARY))
    chosen = sorted(own, key=_rank)[:most]
    plots = [plot for one in chosen if (plot := _plot(context, one)) is not None]
    return {
        "name": name,
        "anchor": context.anchors[name],
        "finding": memory,
        "rate": "" if memory is None else format.slope(PRIMARY, memory.slope_per_hour, "h", memory.ci_per_hour),
        "counts": _counts(own),
        "sentences": [] if memory is None else [outlook.finding_sentence(memory), *_about_replicas(memory)],
        "forests": list(_forests(own)),
        "places": [] if memory is None else _places(memory.places),
        "parts": list(_parts(context, name)),
        "groups": [
            (title, of_it)
            for title in _GROUPS
            if (of_it := [plot for plot in plots if _group(plot["finding"].indicator) == title])
        ],
        "left_out": len(own) - len(chosen),
    }


def _rank(finding: Finding) -> tuple[int, bool]:
    """Memory, what ages, then what is not of the engine, then its unsteady series."""
    if finding.indicator == PRIMARY:
        return 0, False
    if finding.verdict in AGES:
        return 1, False
    return (3 if is_engine_series(finding.indicator) else 2), finding.verdict == "stable"


def _group(indicator: str) -> str:
    if is_engine_series(indicator):
        return _GROUPS[3]
    if indicator.startswith("client_"):
        return _GROUPS[2]
    return _GROUPS[0] if indicator.startswith(_MEMORY) or indicator.endswith("_bytes") else _GROUPS[1]


def _counts(own: Sequence[Finding]) -> str:
    counts = Counter(one.verdict for one in own)
    ages = sum(count for verdict, count in counts.items() if verdict in AGES)
    told = [f"{ages} aging"] if ages else []
    told += [f"{counts['inconclusive']} undecided"] if counts["inconclusive"] else []
    word = "indicator" if len(own) == 1 else "indicators"
    listed = ", ".join(told)
    return f"{len(own)} {word}{f': {listed}' if told else ''}"


def _plot(context: Context, finding: Finding) -> dict[str, Any] | None:
    """An indicator's miniature: its one run, or its replicas over each other."""
    name, indicator = finding.deployment, finding.indicator
    replicas = context.results.replicas(name)
    found: list[tuple[int, Chart]] = []
    for replica in replicas:
        chart = indicator_chart(context.measured, name, replica, indicator, finding)
        if chart is not None:
            found.append((replica, chart))
    chart = found[0][1] if len(found) == 1 else overlaid(found, name)
    if chart is None:
        return None
    chart = replace(chart, key=f"block-{chart.key}")  # memory is drawn above as well
    many = f" · {len(chart.marks):,} events are not drawn" if len(chart.marks) > _MOST_MARKS else ""
    chart = replace(chart, marks=()) if many else chart
    rate, limits = format.bounded(indicator, finding.slope_per_hour, finding.ci_per_hour, "h")
    note = rate if limits == format.NONE else f"{rate} [{limits}]"
    if finding.verdict not in AGES and finding.minimum_detectable_per_hour is not None:
        note += f" · detectable {format.size(indicator, finding.minimum_detectable_per_hour, 'h')}"
    return {"finding": finding, "chart": chart, "svg": figure_svg(chart, MINIATURE), "note": Markup.escape(note + many)}


def _forests(own: Sequence[Finding]) -> Iterator[tuple[Forest, Markup, Markup]]:
    """The replicas of memory, and of what else ages."""
    for one in sorted(own, key=_rank):
        if one.indicator != PRIMARY and one.verdict not in AGES:
            continue
        forest = replica_forest(one)
        if forest is not None:
            pooled, limits = format.bounded(one.indicator, one.slope_per_hour, one.ci_per_hour, "h")
            spread = (
                ""
                if one.disagreement is None
                else f"; I² {one.disagreement:.0f} %, the part of their spread that is not chance"
            )
            yield forest, figure_svg(forest, SMALL), Markup.escape(f"Pooled {pooled} [{limits}]{spread}.")


def _parts(context: Context, name: str) -> Iterator[tuple[str, Chart, Markup]]:
    """The processes and the kinds of mapping of the first runs over time."""
    replicas = context.results.replicas(name)
    for replica in replicas[:_MOST_REPLICAS]:
        of = f", replica {replica}" if len(replicas) > 1 else ""
        for title, build in (("By process", process_places_chart), ("By kind of mapping", mapping_kinds_chart)):
            chart = build(context.measured, name, replica)
            if chart is not None:
                yield f"{title}{of}", chart, figure_svg(chart, LOW)


def _about_replicas(finding: Finding) -> Iterator[str]:
    """What two or three replicas can say, in the words of the finding's own note."""
    coded = zip(finding.note_codes, finding.notes, strict=False)  # release 0.1 wrote notes without codes
    yield from (note for code, note in coded if code == "few_replicas")


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    sub: str
    rate: str
    share: str | None
    bar: int


def _places(places: Sequence[GrowthPlaces]) -> list[dict[str, Any]]:
    """Those with anything to show: earlier releases, and some hosts, know nothing of processes and kinds."""
    return [shown for one in places if (shown := _place(one, len(places) > 1))["tables"]]


def _place(one: GrowthPlaces, several: bool) -> dict[str, Any]:
    processes = [_Row(of.label, of.command or "", _rate(of.per_hour), *_share(of.share)) for of in one.processes]
    kinds = [_Row(of.kind, "", _rate(of.per_hour), *_share(of.share)) for of in one.kinds]
    beside = [
        _Row(name, "not in the leak indicator", _rate(rate), None, 0) for name, rate in one.beside.items() if rate
    ]
    beside += [_Row(f"malloc, {name}", "", _rate(rate), None, 0) for name, rate in one.allocator.items()]
    tables = (("Process", processes), ("Kind of memory", [*kinds, *beside]))
    return {"replica": one.replica if several else None, "tables": [one for one in tables if one[1]]}


def _rate(per_hour: float) -> str:
    return format.slope(PRIMARY, per_hour, "h")


def _share(share: float) -> tuple[str, int]:
    """In percent, and as a bar of at most ten tenths."""
    return f"{share * 100:.0f} %", max(0, min(10, round(share * 10)))
