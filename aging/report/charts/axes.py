"""The report's plots on matplotlib axes of a caller's, in the page's light colors."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from aging.core.errors import InputError
from aging.core.format import slope
from aging.findings.table_analysis import TableAnalysis
from aging.report.charts import svg
from aging.report.charts.plots import draw_latency, draw_memory, latency_scale
from aging.report.charts.run_data import LatencyTrace, MemoryTrace
from aging.tables.series_unit import unit_of_series

_INCHES = (7.5, 3.6)


def memory_axes(trace: MemoryTrace, title: str, axes: Axes | None) -> Axes:
    """A run's memory with the slope that was found and its interval."""
    axes = _prepared(axes, title)
    draw_memory(axes, trace, svg.SCREEN)
    return axes


def latency_axes(trace: LatencyTrace, title: str, axes: Axes | None) -> Axes:
    """A run's time to first token, its median and 95th percentile; failures are ticks."""
    axes = _prepared(axes, title)
    draw_latency(axes, trace, latency_scale([trace], ()), svg.SCREEN)
    return axes


def trend_axes(analysis: TableAnalysis, axes: Axes | None) -> Axes:
    """A series with its slope and the interval of that."""
    palette, t, y, trend = svg.SCREEN, analysis.t, analysis.y, analysis.trend
    axes = _prepared(axes, f"{analysis.name}: {analysis.verdict}")
    axes.plot(t, y, color=palette.data, linewidth=1.2)
    if trend is not None:
        middle = float(np.median(t))
        level = float(np.median(y - trend.slope * (t - middle)))
        ends = np.array([t[0], middle, t[-1]])
        low, high = (level + rate * (ends - middle) for rate in (trend.low, trend.high))
        axes.fill_between(
            ends, np.minimum(low, high), np.maximum(low, high), color=palette.fit, alpha=0.22, linewidth=0
        )
        label = slope(unit_of_series(analysis.series), trend.slope * 3600, "h")
        line = level + trend.slope * (ends - middle)
        axes.plot(ends, line, color=palette.fit, linewidth=1.8, dashes=(5, 2.5), label=label)
        axes.legend(frameon=False)
    least, greatest = (float(limit) for limit in axes.get_ylim())
    svg.time_axis(axes, float(t[-1]), "the start of load", palette)
    svg.value_axis(
        axes, unit_of_series(analysis.series).scale(max(abs(least), abs(greatest))), least, greatest, palette
    )
    return axes


def _prepared(given: Any, title: str) -> Axes:
    """The caller's axes, or those of a new figure that pyplot shows."""
    if given is None:
        from matplotlib import pyplot  # noqa: PLC0415 - looks for a display, which the report does not need

        axes = pyplot.figure(figsize=_INCHES, layout="constrained").add_subplot()
    elif isinstance(given, Axes):
        axes = given
    else:
        raise InputError(f"axes: {type(given).__name__} is no matplotlib Axes; of an array of them pass one, axes[0]")
    svg.bare(axes, svg.SCREEN)
    axes.set_title(title, loc="left", fontsize=11, color=svg.SCREEN.ink, pad=22)
    return axes
