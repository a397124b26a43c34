"""Latency: time to first token of every run, on shared axes."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from aging.findings.latencies import SINCE
from aging.report.charts.plots import LOW, SMALL, LatencyScale, Shape, latency_plot, latency_scale
from aging.report.charts.run_data import BASE
from aging.report.html.context import Context
from aging.report.html.templates import render
from aging.report.sections.base import Section

_TEMPLATE = """
{% from "macros.html.j2" import run_name %}
<p class="legend"><span><i class="data"></i>median</span><span><i class="band"></i>up to the 95th percentile</span>
{% if failures %}<span><i class="tick"></i>failed or dropped requests</span>{% endif %}
<span>seconds of a request {{ since }}; all plots share their axes</span></p>
{% for plots in rows %}
<div class="plots {{ size }}">
{% for plot in plots %}
{% set trace = plot.trace %}
<figure class="plot">
<figcaption>{{ run_name(trace.deployment, plot.replica) }}</figcaption>
{{ plot.svg }}
<p class="sub">median {{ level("_seconds", trace.overall_median) }} · 95&nbsp;% below
{{ level("_seconds", trace.overall_p95) }} · {{ trace.requests | count }} requests
{%- if trace.errors %} · <span class="bad-text">{{ trace.errors | count }} failed</span>{% endif %}
{%- if trace.dropped %} · <span class="bad-text">{{ trace.dropped | count }} dropped</span>{% endif %}</p>
</figure>
{% endfor %}
</div>
{% endfor %}
"""


class Latency(Section):
    """Successful streamed answers, from sending to the first token; warm-up included."""

    kind = "latency"
    title = "Time to first token"
    order = 50

    def render(self, context: Context) -> Markup:
        traces = context.latency
        if not traces:
            return Markup()
        planned = [context.results.state.runs[run].planned_seconds or 0.0 for run in traces]
        scale = latency_scale(list(traces.values()), planned)
        shape = SMALL if context.replicated else LOW
        rows = [[_plot(context, run, scale, shape) for run in row if run in traces] for row in context.rows_of_runs()]
        failures = any(trace.failures.size for trace in traces.values())
        return render(
            _TEMPLATE,
            rows=rows,
            failures=failures,
            since=SINCE[BASE],
            size="small" if context.replicated else "large",
        )


def _plot(context: Context, run: tuple[str, int], scale: LatencyScale, shape: Shape) -> dict[str, Any]:
    deployment, replica = run
    trace = context.latency[run]
    label = f"Time to first token of {deployment}, replica {replica}, over time"
    return {
        "trace": trace,
        "replica": replica if len(context.results.replicas(deployment)) > 1 else None,
        "svg": latency_plot(trace, scale, shape, f"latency-{deployment}-{replica}", label),
    }
