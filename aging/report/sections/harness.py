"""Memory of the harness: a control in every campaign."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS
from aging.findings.types import Finding
from aging.report.charts.chart import Chart
from aging.report.charts.memory import harness_charts
from aging.report.charts.svg import SMALL, figure_svg
from aging.report.html.context import Context
from aging.report.html.figure import figure_element
from aging.report.html.templates import render
from aging.report.sections.base import Section

_TEMPLATE = """
{% from "macros.html.j2" import chip, fold, run_name %}
<p class="note">The processes of the harness are sampled like the deployments: if they grew, every other
figure would be in doubt.</p>
{% call fold(plots | length ~ " processes") %}
<div class="plots small">
{% for plot in plots %}
{% set caption %}
{{ run_name(plot.name, none) }}{% if plot.finding %}{{ chip(plot.finding.verdict) }}{% endif %}{% endset %}
{% set note %}{% if plot.finding and plot.finding.slope_per_hour is not none %}
{{ slope(plot.finding.indicator, plot.finding.slope_per_hour, "h") }},
interval {{ interval(plot.finding.indicator, plot.finding.ci_per_hour, "h") }}
{% endif %}{% endset %}
{{ figure(plot.chart, plot.svg, caption, note) }}
{% endfor %}
</div>
{% endcall %}
"""


class Harness(Section):
    """One small plot for each process of the harness."""

    kind = "harness"
    title = "Harness"
    order = 70

    def render(self, context: Context) -> Markup:
        charts = harness_charts(context.measured, context.found)
        plots = [_plot(owner, chart, context.found.get((owner, PRIMARY))) for owner, chart in charts]
        return render(_TEMPLATE, plots=plots, figure=figure_element) if plots else Markup()


def _plot(owner: str, chart: Chart, finding: Finding | None) -> dict[str, Any]:
    return {
        "name": owner.removeprefix(f"{HARNESS}/"),
        "finding": finding,
        "chart": chart,
        "svg": figure_svg(chart, SMALL),
    }
