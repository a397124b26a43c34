"""Memory: each run's primary indicator with the slope that was found."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from aging.core import format
from aging.core.metrics import PRIMARY
from aging.report.charts.plots import LARGE, SMALL, Shape, exceeds_limits, memory_plot
from aging.report.html.context import Context
from aging.report.html.templates import render
from aging.report.sections.base import Section

_TEMPLATE = """
{% from "macros.html.j2" import chip, run_name %}
<p class="legend"><span><i class="raw"></i>samples</span><span><i class="data"></i>medians</span>
<span><i class="fit"></i>slope with its 95&nbsp;% confidence band</span>
<span><i class="shade"></i>warm-up, left out</span></p>
{% for plots in rows %}
<div class="plots {{ size }}">
{% for plot in plots %}
<figure class="plot">
<figcaption>{{ run_name(plot.name, plot.replica) }}
{% set found = plot.finding %}
{% if found %}{{ chip(found.verdict) }}
<span class="value">{{ slope(found.indicator, found.slope_per_hour, "h", found.ci_per_hour) }}</span>
{% endif %}</figcaption>
{% if plot.svg %}{{ plot.svg }}{% else %}<p class="empty">{{ plot.why }}</p>{% endif %}
{% if plot.note %}<p class="sub">{{ plot.note }}</p>{% endif %}
</figure>
{% endfor %}
</div>
{% endfor %}
"""


class Memory(Section):
    """One plot per run; every plot has its own scale, so compare the numbers, not the angles."""

    kind = "memory"
    title = "Memory over the run"
    order = 40

    def render(self, context: Context) -> Markup:
        shape = SMALL if context.replicated else LARGE
        rows = [[_plot(context, *run, shape) for run in row] for row in context.rows_of_runs()]
        return render(_TEMPLATE, rows=rows, size="small" if context.replicated else "large") if rows else Markup()


def _plot(context: Context, deployment: str, replica: int, shape: Shape) -> dict[str, Any]:
    trace = context.memory.get((deployment, replica))
    finding = context.found.get((deployment, PRIMARY))
    shown: dict[str, Any] = {
        "name": deployment,
        "replica": replica if len(context.results.replicas(deployment)) > 1 else None,
        "finding": finding,
        "svg": None,
        "note": None,
        "why": "No memory was sampled under load.",
    }
    if trace is None:
        return shown
    grown = format.slope(PRIMARY, finding.slope_per_hour if finding else None, "h")
    label = f"Memory of {deployment}, replica {replica}, over time; slope {grown}"
    notes = []
    if exceeds_limits(trace):
        notes.append("Part of the warm-up is outside the plot.")
    if len(trace.raw) > 1 and trace.fit is not None:
        notes.append(f"{len(trace.raw)} generations; the slope belongs to the longest.")
    return shown | {
        "svg": memory_plot(trace, shape, f"memory-{deployment}-{replica}", label),
        "note": " ".join(notes),
    }
