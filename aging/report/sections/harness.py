"""Memory of the harness: a control in every campaign."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS
from aging.findings.types import Finding
from aging.report.charts.plots import SMALL, memory_plot
from aging.report.charts.run_data import MemoryTrace, harness_traces
from aging.report.html.context import Context
from aging.report.html.templates import render
from aging.report.sections.base import Section

_TEMPLATE = """
{% from "macros.html.j2" import chip, run_name %}
<p class="note">The processes of the harness are sampled like the deployments: if they grew, every other
figure would be in doubt.</p>
<div class="plots small">
{% for plot in plots %}
<figure class="plot">
<figcaption>{{ run_name(plot.name, none) }}
{% if plot.finding %}{{ chip(plot.finding.verdict) }}{% endif %}</figcaption>
{{ plot.svg }}
{% if plot.finding and plot.finding.slope_per_hour is not none %}
<p class="sub">{{ slope(plot.finding.indicator, plot.finding.slope_per_hour, "h") }},
interval {{ interval(plot.finding.indicator, plot.finding.ci_per_hour, "h") }}</p>
{% endif %}
</figure>
{% endfor %}
</div>
"""


class Harness(Section):
    """One small plot for each process of the harness."""

    kind = "harness"
    title = "Harness"
    order = 70

    def render(self, context: Context) -> Markup:
        traces = harness_traces(context.measured)
        plots = [_plot(trace, context.found.get((trace.owner, PRIMARY))) for trace in traces]
        return render(_TEMPLATE, plots=plots) if plots else Markup()


def _plot(trace: MemoryTrace, finding: Finding | None) -> dict[str, Any]:
    name = trace.owner.removeprefix(f"{HARNESS}/")
    return {
        "name": name,
        "finding": finding,
        "svg": memory_plot(trace, SMALL, f"harness-{name}", f"Memory of the harness process {name} over time"),
    }
