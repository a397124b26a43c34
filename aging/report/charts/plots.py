"""The report's plots: a run's memory with its slope, and its time to first token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes

from aging.core.format import unit_of
from aging.core.metrics import PRIMARY
from aging.report.charts import svg
from aging.report.charts.run_data import LatencyTrace, Mark, MemoryTrace, Trace

_LEAST_SPAN = 2.0**20
_LEAST_SHARE = 0.01
"""The vertical axis spans at least 1 MiB and 1 % of the level, so that noise does not look like growth."""

_LOG_FROM = 30.0
_MOST_LABELLED = 6


@dataclass(frozen=True, slots=True)
class Shape:
    """Width and height of a plot in user units, and the width of the labels of its vertical axis."""

    width: float
    height: float
    left: float = 62


LARGE = Shape(540, 262)
LOW = Shape(540, 200)
SMALL = Shape(380, 210, 56)


def memory_plot(trace: MemoryTrace, shape: Shape, name: str, label: str) -> Markup:
    """Raw samples pale, the analyzed medians over them, the finding's slope with its confidence band."""
    drawn, axes = svg.figure(shape.width, shape.height, shape.left)
    draw_memory(axes, trace, svg.PAGE)
    return svg.markup(drawn, name, label)


def draw_memory(axes: Axes, trace: MemoryTrace, palette: svg.Palette) -> None:
    """The same on any axes."""
    least, greatest = memory_limits(trace)
    last = max([trace.planned_seconds, *(float(raw.t[-1]) for raw in trace.raw if raw.t.size)])
    for begin, end in trace.warmups:
        axes.axvspan(begin, end, color=palette.shade, linewidth=0)
    if trace.warmups and trace.warmups[0][1] - trace.warmups[0][0] > 0.12 * last:
        _note(axes, trace.warmups[0][0], "warm-up", palette.muted)
    for raw in trace.raw:
        axes.plot(raw.t, raw.y, color=palette.data, linewidth=0.8, alpha=0.45)
    for medians in trace.medians:
        axes.plot(medians.t, medians.y, color=palette.data, linewidth=1.6)
    if trace.fit is not None:
        fit = trace.fit
        t = np.array([fit.first, fit.middle, fit.last])
        if fit.low is not None and fit.high is not None:
            low, high = (fit.level + slope * (t - fit.middle) for slope in (fit.low, fit.high))
            axes.fill_between(
                t, np.minimum(low, high), np.maximum(low, high), color=palette.fit, alpha=0.22, linewidth=0
            )
        axes.plot(t, fit.level + fit.slope * (t - fit.middle), color=palette.fit, linewidth=1.8, dashes=(5, 2.5))
    _draw_marks(axes, trace.marks, palette)
    svg.time_axis(axes, last, f"the {trace.origin} began", palette)
    svg.value_axis(axes, unit_of(PRIMARY).scale(greatest), least, greatest, palette)


def memory_limits(trace: MemoryTrace) -> tuple[float, float]:
    """Limits of the vertical axis.

    They contain everything after the warm-up; the warm-up may at most double that
    span, so that loading a model does not flatten days of slow growth.
    """
    warm, cold = [], []
    for raw in trace.raw:
        inside = np.zeros(raw.t.shape, dtype=bool)
        for begin, end in trace.warmups:
            inside |= (raw.t >= begin) & (raw.t < end)
        cold.append(raw.y[inside & np.isfinite(raw.y)])
        warm.append(raw.y[~inside & np.isfinite(raw.y)])
    all_cold, all_warm = np.concatenate([*cold, []]), np.concatenate([*warm, []])
    main = all_warm if all_warm.size else all_cold
    if not main.size:
        return 0.0, _LEAST_SPAN
    least, greatest = float(main.min()), float(main.max())
    span = max(greatest - least, _LEAST_SPAN, _LEAST_SHARE * greatest)
    if all_cold.size:
        reach = max(span, _LEAST_SPAN) / 2
        least, greatest = (
            max(min(least, float(all_cold.min())), least - reach),
            min(max(greatest, float(all_cold.max())), greatest + reach),
        )
    middle, half = (least + greatest) / 2, max(span, greatest - least) / 2 * 1.08
    return max(0.0, middle - half), middle + half


def exceeds_limits(trace: MemoryTrace) -> bool:
    """Whether part of the warm-up lies outside the limits of the plot."""
    least, greatest = memory_limits(trace)
    values = np.concatenate([*(raw.y for raw in trace.raw), []])
    values = values[np.isfinite(values)]
    return bool(values.size and (values.min() < least or values.max() > greatest))


@dataclass(frozen=True, slots=True)
class LatencyScale:
    """Axes shared by all latency plots of a report."""

    last: float
    least: float
    greatest: float
    logarithmic: bool


def latency_scale(traces: Sequence[LatencyTrace], planned: Iterable[float]) -> LatencyScale:
    """Axes that hold every trace; logarithmic where the slowest is much slower than the fastest."""
    values = np.concatenate([*(_finite(trace.median) for trace in traces), *(_finite(trace.p95) for trace in traces)])
    positive = values[values > 0]
    last = max([*planned, *(float(trace.median.t[-1]) for trace in traces if trace.median.t.size), 1.0])
    if not positive.size:
        return LatencyScale(last, 0.0, 1.0, False)
    least, greatest = float(positive.min()), float(positive.max())
    if greatest > _LOG_FROM * least:
        return LatencyScale(last, least / 1.5, greatest * 1.5, True)
    return LatencyScale(last, 0.0, greatest * 1.1, False)


def latency_plot(trace: LatencyTrace, scale: LatencyScale, shape: Shape, name: str, label: str) -> Markup:
    """Median time to first token, the band up to its 95th percentile, and a tick for every cell with failures."""
    drawn, axes = svg.figure(shape.width, shape.height, shape.left)
    draw_latency(axes, trace, scale, svg.PAGE)
    return svg.markup(drawn, name, label)


def draw_latency(axes: Axes, trace: LatencyTrace, scale: LatencyScale, palette: svg.Palette) -> None:
    """The same on any axes."""
    if scale.logarithmic:
        axes.set_yscale("log")
    if trace.warmup > 0:
        axes.axvspan(0, min(trace.warmup, scale.last), color=palette.shade, linewidth=0)
    median, p95 = trace.median, trace.p95
    axes.fill_between(median.t, median.y, p95.y, color=palette.data, alpha=0.22, linewidth=0)
    axes.plot(median.t, median.y, color=palette.data, linewidth=1.6)
    axes.vlines(trace.failures, 0, 0.06, transform=axes.get_xaxis_transform(), color=palette.bad, linewidth=1.4)
    _draw_marks(axes, trace.marks, palette)
    svg.time_axis(axes, scale.last, "the load began", palette)
    if scale.logarithmic:
        svg.log_value_axis(axes, unit_of("_seconds").scales, scale.least, scale.greatest)
    else:
        svg.value_axis(axes, unit_of("_seconds").scale(scale.greatest), scale.least, scale.greatest, palette)


def _draw_marks(axes: Axes, marks: Sequence[Mark], palette: svg.Palette) -> None:
    for mark in marks:
        dead = mark.kind == "died"
        axes.axvline(
            mark.at, color=palette.bad if dead else palette.mark, linewidth=1.6 if dead else 1.0, dashes=(2, 2)
        )
    if len(marks) <= _MOST_LABELLED:
        for mark in marks:
            _note(axes, mark.at, mark.kind, palette.bad if mark.kind == "died" else palette.mark)


def _note(axes: Axes, at: float, text: str, color: str) -> None:
    axes.annotate(
        text,
        (at, 1),
        xycoords=("data", "axes fraction"),
        xytext=(4, -3),
        textcoords="offset points",
        ha="left",
        va="top",
        color=color,
        fontsize=11,
    )


def _finite(trace: Trace) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return trace.y[np.isfinite(trace.y)]
