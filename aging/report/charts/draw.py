"""Figures on matplotlib axes: notebooks, and files for papers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import ScaledTranslation, Transform

from aging.core import format
from aging.report.charts.chart import Band, Chart, Figure, Forest, HeatMap, Line, Mark
from aging.report.charts.palette import SCREEN, Palette
from aging.report.charts.quantity import Scale, log_scale, time_scale, unit_of_quantity, value_scale

_MOST_LABELLED = 6
_LABEL_WIDTH = 0.25
"""A part of the axis that a mark's label takes in a small figure: of closer marks the first is labelled."""

_WIDTHS = {"samples": 0.8, "fit": 1.8, "current": 1.8}
_DASHED = {"fit": (5, 2.5), "current": (2, 1.2)}
_BAND_ALPHA = {"samples": 0.35, "p99": 0.14}
_SIZE = 10


def draw(figure: Figure, axes: Axes, palette: Palette = SCREEN) -> None:
    """Draw the figure on bare ``axes``, its title excepted."""
    bare(axes, palette)
    if isinstance(figure, Chart):
        _chart(figure, axes, palette)
    elif isinstance(figure, Forest):
        _forest(figure, axes, palette)
    else:
        _heat_map(figure, axes, palette)


def bare(axes: Axes, palette: Palette) -> None:
    """Leave of an axes its horizontal line, pale rules and labels."""
    axes.patch.set_visible(False)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(palette.rule)
    axes.tick_params(colors=palette.muted, length=0, labelsize=_SIZE, pad=5)
    axes.grid(axis="y", color=palette.rule, linewidth=0.6)
    axes.set_axisbelow(True)


def time_axis(axes: Axes, last: float, origin: str, palette: Palette) -> None:
    """Seconds since ``origin`` on the horizontal axis, in the unit that suits ``last``."""
    scale = time_scale(last)
    _ticks(axes, "x", scale)
    axes.set_xlim(0, max(last, 1e-9))
    axes.set_xlabel(f"{scale.name} since {origin}", color=palette.muted, fontsize=_SIZE, labelpad=6)


def value_axis(axes: Axes, scale: Scale, bottom: float, top: float, palette: Palette) -> None:
    """Values from ``bottom`` to ``top`` on the vertical axis, its unit above it."""
    axes.set_ylim(bottom, top)
    _ticks(axes, "y", scale)
    axes.text(0, 1, scale.name, transform=_above(axes), ha="right", va="bottom", color=palette.muted, fontsize=_SIZE)


def _chart(chart: Chart, axes: Axes, palette: Palette) -> None:
    if chart.logarithmic:
        axes.set_yscale("log")
    for span in chart.spans:
        axes.axvspan(span.begin, span.end, color=palette.shade, linewidth=0)
    if chart.spans and chart.spans[0].end - chart.spans[0].begin > 0.12 * chart.last:
        _note(axes, chart.spans[0].begin, chart.spans[0].label, palette.muted)
    for band in chart.bands:
        _band(band, axes, palette)
    place = 0
    for line in chart.lines:
        axes.plot(line.t, line.y, label=line.label, **_style(line, place, palette))
        place += line.role == "series"
    if place > 1:
        axes.legend(frameon=False, fontsize=_SIZE, labelcolor=palette.ink)
    for level in chart.levels:
        axes.axhline(level.value, color=palette.muted, linewidth=1.2, dashes=(6, 3), label=level.label)
    _marks(chart.marks, chart.last, axes, palette)
    time_axis(axes, chart.last, chart.origin, palette)
    scale = (log_scale if chart.logarithmic else value_scale)(chart.quantity, chart.bottom, chart.top)
    value_axis(axes, scale, chart.bottom, chart.top, palette)


def _band(band: Band, axes: Axes, palette: Palette) -> None:
    color = _color(band.role, 0, palette)
    axes.fill_between(
        band.t,
        band.low,
        band.high,
        color=color,
        alpha=_BAND_ALPHA.get(band.role, 0.22),
        linewidth=0.8 if band.role == "samples" else 0,
        label=band.label,
    )


def _style(line: Line, place: int, palette: Palette) -> dict[str, Any]:
    style: dict[str, Any] = {"color": _color(line.role, place, palette), "linewidth": _WIDTHS.get(line.role, 1.6)}
    if line.role == "samples":
        style["alpha"] = 0.45
    if line.role in _DASHED:
        style["dashes"] = _DASHED[line.role]
    return style


def _color(role: str, place: int, palette: Palette) -> str:
    if role == "series":
        return palette.series[place % len(palette.series)]
    return {"fit": palette.fit, "current": palette.current}.get(role, palette.data)


def _marks(marks: Sequence[Mark], last: float, axes: Axes, palette: Palette) -> None:
    faults = [mark.at for mark in marks if mark.kind == "fault"]
    if faults:
        axes.vlines(faults, 0, 0.06, transform=axes.get_xaxis_transform(), color=palette.bad, linewidth=1.4)
    events = [mark for mark in marks if mark.kind != "fault"]
    labelled = -math.inf
    for mark in events:
        dead = mark.kind == "died"
        color = palette.bad if dead else palette.mark
        axes.axvline(mark.at, color=color, linewidth=1.6 if dead else 1.0, dashes=(2, 2))
        if len(events) <= _MOST_LABELLED and mark.at - labelled >= _LABEL_WIDTH * last:
            _note(axes, mark.at, mark.label or mark.kind, color)
            labelled = mark.at


def _forest(forest: Forest, axes: Axes, palette: Palette) -> None:
    places = np.arange(len(forest.rows))[::-1]
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color=palette.rule, linewidth=0.6)
    axes.axvline(0, color=palette.muted, linewidth=1.0)
    for place, row in zip(places.tolist(), forest.rows, strict=True):
        color = palette.fit if row.pooled else palette.data
        if row.pooled and row.low is not None and row.high is not None and row.value is not None:
            corners = [(row.low, place), (row.value, place + 0.25), (row.high, place), (row.value, place - 0.25)]
            axes.fill(*zip(*corners, strict=True), color=color, linewidth=0)
            axes.plot([row.value], [place], marker="D", markersize=3.5, color=color)  # an interval may be a hair wide
            continue
        if row.low is not None and row.high is not None:
            axes.plot([row.low, row.high], [place, place], color=color, linewidth=1.6)
        if row.value is not None:
            size = 4 + 6 * math.sqrt(row.weight or 0.0)
            axes.plot([row.value], [place], marker="s", markersize=size, color=color)
    texts = [_text_of(forest, place) for place in range(len(forest.rows))]
    axes.set_yticks(places, [row.label for row in forest.rows])
    axes.tick_params(axis="y", colors=palette.ink)
    axes.set_ylim(-0.6, len(forest.rows) - 0.4)
    for place, text in zip(places.tolist(), texts, strict=True):
        axes.annotate(
            text,
            (1, place),
            xycoords=("axes fraction", "data"),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=_SIZE - 1,
            color=palette.muted,
            annotation_clip=False,
        )
    least, greatest = (float(limit) for limit in axes.get_xlim())
    scale = value_scale(forest.quantity, least, greatest)
    _ticks(axes, "x", scale)
    axes.set_xlim(least, greatest)
    per = {"h": "hour"}.get(forest.per, forest.per)
    axes.set_xlabel(
        f"{scale.name or forest.quantity} per {per}" if per else f"{scale.name or forest.quantity}",
        color=palette.muted,
        fontsize=_SIZE,
    )


def _text_of(forest: Forest, place: int) -> str:
    row = forest.rows[place]
    limits = None if row.low is None or row.high is None else (row.low, row.high)
    rate, interval = format.bounded(unit_of_quantity(forest.quantity), row.value, limits, forest.per)
    return f"{rate} [{interval}]" + (f"\n{row.note}" if row.pooled and row.note else "")


def _heat_map(figure: HeatMap, axes: Axes, palette: Palette) -> None:
    colors = {"good": palette.good, "bad": palette.bad, "warn": palette.warn, "mute": palette.muted}
    axes.grid(visible=False)
    for down, cells in enumerate(figure.cells):
        for across, cell in enumerate(cells):
            if cell.tone in colors:
                width = [across + 0.02, across + 0.98]
                shade = 0.1 + 0.5 * cell.strength
                axes.fill_between(width, down + 0.04, down + 0.96, color=colors[cell.tone], alpha=shade, linewidth=0)
            text, size = f"{cell.mark} {cell.text}".strip(), _SIZE - 2.5
            axes.text(across + 0.5, down + 0.5, text, ha="center", va="center", fontsize=size, color=palette.ink)
    axes.set_xlim(0, max(len(figure.columns), 1))
    axes.set_ylim(max(len(figure.rows), 1), 0)
    axes.set_yticks(np.arange(len(figure.rows)) + 0.5, figure.rows)
    axes.set_xticks(np.arange(len(figure.columns)) + 0.5, figure.columns, rotation=30, ha="right")
    axes.tick_params(colors=palette.ink)
    axes.set_xlabel(figure.label.partition(": ")[2], color=palette.muted, fontsize=_SIZE, labelpad=6)
    axes.spines["bottom"].set_visible(False)


def _ticks(axes: Axes, which: str, scale: Scale) -> None:
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_ticks([value for value, _ in scale.ticks], [text for _, text in scale.ticks])
    axis.set_ticks([], minor=True)


def _above(axes: Axes) -> Transform:
    """Axes coordinates moved to where the vertical tick labels end, a little above the top."""
    return axes.transAxes + ScaledTranslation(-5 / 72, 8 / 72, axes.figure.dpi_scale_trans)


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
        fontsize=_SIZE,
    )
