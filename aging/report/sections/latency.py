"""Latency: time to first token of every run, on shared axes."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from aging.findings.latencies import SINCE
from aging.report.charts.chart import Chart
from aging.report.charts.latency import BASE, latency_summary, on_shared_axes
from aging.report.charts.svg import LOW, SMALL, Shape, figure_svg
from aging.report.html.context import Context
from aging.report.html.figure import figure_element
from aging.report.html.templates import render
from aging.report.sections.base import Section

_TEMPLATE = """
{% from "macros.html.j2" import run_name %}
<p class="legend"><span><i class="data"></i>median</span>
<span><i class="band"></i>up to the 95th percentile, paler to the 99th</span>
<span><i class="raw"></i>greatest</span>
{% if failures %}<span><i class="tick"></i>failed or dropped requests</span>{% endif %}
<span>seconds of a request {{ since }}; all plots share their axes</span></p>
{% for plots in rows %}
<div class="plots {{ size }}">
{% for plot in plots %}
{% set all = plot.summary %}
{% set note %}
median {{ level("_seconds", all.median) }} · 95&nbsp;% below {{ level("_seconds", all.p95) }} · 99&nbsp;% below
{{ level("_seconds", all.p99) }} · {{ all.requests | count }} requests
{%- if all.errors %} · <span class="bad-text">{{ all.errors | count }} failed</span>{% endif %}
{%- if all.dropped %} · <span class="bad-text">{{ all.dropped | count }} dropped</span>{% endif %}
{% endset %}
{{ figure(plot.chart, plot.svg, run_name(plot.name, plot.replica), note) }}
{% endfor %}
</div>
{% endfor %}
{% if undrawn %}<p class="note">{{ undrawn }} more runs are in <a href="#deployments">Deployments</a> alone.</p>
{% endif %}
"""


class Latency(Section):
    """Successful streamed answers, from sending to the first token; warm-up included."""

    kind = "latency"
    title = "Time to first token"
    order = 50

    def render(self, context: Context) -> Markup:
        runs = list(context.latency)
        if not runs:
            return Markup()
        charts = dict(zip(runs, on_shared_axes(list(context.latency.values())), strict=True))
        shape = SMALL if context.replicated else LOW
        rows = [
            [_plot(context, run, charts[run], shape) for run in row if run in charts] for row in context.rows_of_runs()
        ]
        return render(
            _TEMPLATE,
            rows=rows,
            failures=any(mark.kind == "fault" for chart in charts.values() for mark in chart.marks),
            since=SINCE[BASE],
            size="small" if context.replicated else "large",
            figure=figure_element,
            undrawn=context.undrawn,
        )


def _plot(context: Context, run: tuple[str, int], chart: Chart, shape: Shape) -> dict[str, Any]:
    deployment, replica = run
    return {
        "name": deployment,
        "replica": replica if len(context.results.replicas(deployment)) > 1 else None,
        "summary": latency_summary(context.measured, deployment, replica),
        "chart": chart,
        "svg": figure_svg(chart, shape),
    }
