"""Figures on matplotlib axes of a caller's, in the page's light colors."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from aging.core.errors import InputError
from aging.core.format import slope
from aging.findings.table_analysis import TableAnalysis
from aging.report.charts.chart import Figure, Forest, HeatMap
from aging.report.charts.draw import bare, draw, time_axis, value_axis
from aging.report.charts.palette import SCREEN
from aging.report.charts.quantity import value_scale
from aging.tables.series_unit import unit_of_series

_INCHES = (7.5, 3.6)


def figure_axes(figure: Figure, title: str, axes: Axes | None) -> Axes:
    """A chart, a forest plot or a heat map on ``axes``, or on those of a new figure that pyplot shows."""
    axes = _prepared(axes, title, _inches(figure))
    draw(figure, axes, SCREEN)
    return axes


def trend_axes(analysis: TableAnalysis, axes: Axes | None, whose: str = "") -> Axes:
    """A series with its slope and the interval of that; ``whose`` comes before its name in the title."""
    palette, t, y, trend = SCREEN, analysis.t, analysis.y, analysis.trend
    axes = _prepared(axes, f"{whose and f'{whose}: '}{analysis.name}: {analysis.verdict}")
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
    time_axis(axes, float(t[-1]), "the start of load", palette)
    value_axis(axes, value_scale(unit_of_series(analysis.series), least, greatest), least, greatest, palette)
    return axes


def _inches(figure: Figure) -> tuple[float, float]:
    if isinstance(figure, Forest):
        return _INCHES[0], 1.4 + 0.34 * len(figure.rows)
    if isinstance(figure, HeatMap):
        return max(_INCHES[0], 3.0 + 1.1 * len(figure.columns)), 1.8 + 0.3 * len(figure.rows)
    return _INCHES


def _prepared(given: Any, title: str, inches: tuple[float, float] = _INCHES) -> Axes:
    """The caller's axes, or those of a new figure that pyplot shows."""
    if given is None:
        from matplotlib import pyplot  # noqa: PLC0415 - looks for a display, which the report does not need

        axes = pyplot.figure(figsize=inches, layout="constrained").add_subplot()
    elif isinstance(given, Axes):
        axes = given
    else:
        raise InputError(f"axes: {type(given).__name__} is no matplotlib Axes; of an array of them pass one, axes[0]")
    bare(axes, SCREEN)
    axes.set_title(title, loc="left", fontsize=11, color=SCREEN.ink, pad=22)
    return axes
