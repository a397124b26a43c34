"""Objectives: attainment of every deployment, by class: over the whole window, at its ends, and over time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, islice
from typing import Any

from markupsafe import Markup

from aging.core.format import objectives_text, readable_duration, request_rate, share
from aging.findings.types import Attainment
from aging.report.charts.latency import attainment_charts
from aging.report.charts.svg import SMALL, figure_svg
from aging.report.html.context import Context
from aging.report.html.figure import figure_element
from aging.report.html.templates import render
from aging.report.sections.base import Section

_TEMPLATE = """
{% from "macros.html.j2" import wide %}
<p class="note">A request is good when it met every objective of its class; attainment is the share of such requests,
goodput their number per second. Errors and drops count as missed; client faults are not counted. The warm-up is left
out.</p>
{% call wide("Objectives of each deployment") %}<table class="findings">
<thead><tr><th scope="col">Class</th><th scope="col">Objectives</th>
<th scope="col" class="num">Judged</th><th scope="col" class="num">Attainment</th>
<th scope="col" class="num">first {{ edge }}</th><th scope="col" class="num">last {{ edge }}</th>
<th scope="col" class="num">Goodput</th>
<th scope="col" class="num">first {{ edge }}</th><th scope="col" class="num">last {{ edge }}</th></tr></thead>
{% for deployment, rows in groups %}
<tbody>
<tr class="group"><th scope="rowgroup" colspan="9">{{ deployment }}</th></tr>
{% for row in rows %}
<tr><th scope="row">{{ row.one.load_class or NONE }}</th><td>{{ row.objectives }}</td>
<td class="num">{{ row.one.judged | count }}</td>
{% for text in row.texts %}<td class="num">{{ text }}</td>{% endfor %}</tr>
{% endfor %}
</tbody>
{% endfor %}
</table>{% endcall %}
{% if plots %}
<h3>Attainment over time</h3>
<div class="plots small">
{% for chart, svg in plots %}
{{ figure(chart, svg, none, chart.notes | join(" ")) }}
{% endfor %}
</div>
{% endif %}
"""

_MOST_PLOTS = 60


class Objectives(Section):
    """A table per deployment, a row per class."""

    kind = "objectives"
    title = "Objectives"
    order = 45

    def render(self, context: Context) -> Markup:
        kept: Sequence[Attainment] = context.findings.objectives
        if not kept:
            return Markup()
        groups = [(name, [_row(one) for one in group]) for name, group in groupby(kept, key=lambda one: one.deployment)]
        edge = readable_duration(min(one.edge_seconds for one in kept))
        charts = (chart for run in context.runs for chart in attainment_charts(context.measured, *run))
        plots = [(chart, figure_svg(chart, SMALL)) for chart in islice(charts, _MOST_PLOTS)]
        return render(_TEMPLATE, groups=groups, edge=edge, plots=plots, figure=figure_element)


def _row(one: Attainment) -> dict[str, Any]:
    shares = (one.attainment, one.first_attainment, one.last_attainment)
    goodputs = (one.goodput, one.first_goodput, one.last_goodput)
    return {
        "one": one,
        "objectives": objectives_text(one.objectives),
        "texts": [*map(share, shares), *map(request_rate, goodputs)],
    }
