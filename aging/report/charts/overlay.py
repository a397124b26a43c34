"""Replicas of one indicator in one chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from aging.report.charts.chart import Chart, Line


def overlaid(charts: Sequence[tuple[int, Chart]], title: str) -> Chart | None:
    """The medians of each replica as lines of equal rank, on the axes that hold all; None of no chart."""
    if not charts:
        return None
    first = charts[0][1]
    lines = []
    for number, chart in charts:
        drawn = [one for one in chart.lines if one.role == "medians"] or [
            one for one in chart.lines if one.role == "samples"
        ]
        lines += [Line(f"replica {number}", "series", one.t, one.y) for one in drawn]
    return replace(
        first,
        title=title,
        label=f"{first.quantity} of {title} over time, by replica",
        last=max(chart.last for _, chart in charts),
        bottom=min(chart.bottom for _, chart in charts),
        top=max(chart.top for _, chart in charts),
        lines=lines,
        bands=(),
        marks=[mark for _, chart in charts for mark in chart.marks],
        notes=(),
    )
