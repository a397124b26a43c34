"""Memory: each run's primary indicator with the slope that was found."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from aging.core.metrics import PRIMARY
from aging.report.charts.svg import LARGE, SMALL, Shape, figure_svg
from aging.report.html.context import Context
from aging.report.html.figure import figure_element
from aging.report.html.templates import render
from aging.report.sections.base import Section

_TEMPLATE = """
{% from "macros.html.j2" import chip, run_name %}
<p class="legend"><span><i class="raw"></i>samples</span><span><i class="data"></i>medians</span>
<span><i class="fit"></i>slope with its 95&nbsp;% confidence band</span>
{% if now %}<span><i class="now"></i>now: the rate at the end, with its band</span>{% endif %}
<span><i class="shade"></i>warm-up, left out</span></p>
{% for plots in rows %}
<div class="plots {{ size }}">
{% for plot in plots %}
{% set caption %}
{{ run_name(plot.name, plot.replica) }}
{% set found = plot.finding %}
{% if found %}{{ chip(found.verdict) }}
<span class="value">{{ slope(found.indicator, found.slope_per_hour, "h", found.ci_per_hour) }}</span>
{% endif %}
{% endset %}
{% if plot.chart %}{{ figure(plot.chart, plot.svg, caption, plot.note) }}{% else %}
<figure class="plot"><figcaption>{{ caption }}</figcaption>
<p class="empty">No memory was sampled under load.</p></figure>
{% endif %}
{% endfor %}
</div>
{% endfor %}
{% if undrawn %}<p class="note">{{ undrawn }} more runs are in <a href="#deployments">Deployments</a> alone.</p>
{% endif %}
"""


class Memory(Section):
    """One plot per run; every plot has its own scale, so compare the numbers, not the angles."""

    kind = "memory"
    title = "Memory over the run"
    order = 40

    def render(self, context: Context) -> Markup:
        shape = SMALL if context.replicated else LARGE
        rows = [[_plot(context, *run, shape) for run in row] for row in context.rows_of_runs()]
        size = "small" if context.replicated else "large"
        drawn = [plot["chart"] for row in rows for plot in row if plot["chart"] is not None]
        now = any(line.role == "current" for chart in drawn for line in chart.lines)
        return (
            render(_TEMPLATE, rows=rows, size=size, figure=figure_element, undrawn=context.undrawn, now=now)
            if rows
            else Markup()
        )


def _plot(context: Context, deployment: str, replica: int, shape: Shape) -> dict[str, Any]:
    chart = context.memory.get((deployment, replica))
    return {
        "name": deployment,
        "replica": replica if len(context.results.replicas(deployment)) > 1 else None,
        "finding": context.found.get((deployment, PRIMARY)),
        "chart": chart,
        "svg": None if chart is None else figure_svg(chart, shape),
        "note": "" if chart is None else " ".join(chart.notes),
    }
