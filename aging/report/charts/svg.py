"""Figures as inline SVG, written directly: a chart of matplotlib takes 50 ms and 25 KB, a page may have hundreds.

Colors and line widths are classes of ``charts.css``, so that they follow the page. Only markupsafe is needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from markupsafe import Markup, escape

from aging.core import format
from aging.report.charts.chart import Band, Chart, Estimate, Figure, Floats, Forest, HeatMap, Line
from aging.report.charts.quantity import Scale, log_scale, time_scale, unit_of_quantity, value_scale


@dataclass(frozen=True, slots=True)
class Shape:
    """Width and height of a chart in user units, and the width of the labels of its vertical axis."""

    width: float
    height: float
    left: float = 62


LARGE = Shape(540, 262)
LOW = Shape(540, 200)
SMALL = Shape(380, 210, 56)

_TOP, _RIGHT, _BOTTOM = 26.0, 12.0, 42.0
_FINE = 10
"""Paths are in tenths of a user unit: whole numbers are short."""

_COLUMN = 2.5
"""User units; of more values than columns the least and the greatest of each are drawn."""

_MOST_LABELLED = 6
_LEAST_HALF = 3.0
"""User units: an interval may be a hair wide, its diamond must be seen."""

_CHARACTER = 6.4
_ROW, _HEAD = 24.0, 26.0
_FOREST_ROW = 34.0  # two lines of text beside each estimate
_LABEL_CHARACTERS = 30


def figure_svg(figure: Figure, shape: Shape = LARGE) -> Markup:
    """The figure as an ``<svg>`` element; of a forest plot or a heat map the width alone is that of ``shape``."""
    if isinstance(figure, Chart):
        return _element(_chart(figure, shape), shape.width, shape.height, figure.label)
    if isinstance(figure, Forest):
        height = _HEAD + _FOREST_ROW * len(figure.rows) + _BOTTOM
        return _element(_forest(figure, shape.width, height), shape.width, height, figure.label)
    height = _heat_head(figure) + _ROW * len(figure.rows)
    width = max(shape.width, _heat_left(figure) + 84.0 * len(figure.columns))
    return _element(_heat_map(figure, width), width, height, figure.label)


def _element(parts: Iterable[str], width: float, height: float, label: str) -> Markup:
    box = f"0 0 {width:g} {height:g}"
    return Markup(f'<svg class="chart" viewBox="{box}" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>')


@dataclass(frozen=True, slots=True)
class _Box:
    """The place of the axes within the figure, and what they show."""

    left: float
    top: float
    width: float
    height: float
    last: float
    low: float
    high: float
    logarithmic: bool

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def floor(self) -> float:
        return self.top + self.height

    def x(self, t: float) -> float:
        return self.left + t / self.last * self.width

    def y(self, value: float) -> float:
        return self.floor - (self._scaled(value) - self.low) / (self.high - self.low) * self.height

    def fine(self, t: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Tenths of a user unit from the upper left corner of the axes; values far outside are at its edge."""
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = np.log10(y) if self.logarithmic else y
        across = np.round(t / self.last * self.width * _FINE)
        above = (scaled - self.low) / (self.high - self.low)
        return across, np.round((1 - np.clip(above, -0.5, 1.5)) * self.height * _FINE)

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value


def _chart(chart: Chart, shape: Shape) -> Iterator[str]:
    last = max(chart.last, 1e-9)
    low, high = (math.log10(one) if chart.logarithmic else one for one in (chart.bottom, chart.top))
    box = _Box(
        shape.left,
        _TOP,
        shape.width - shape.left - _RIGHT,
        shape.height - _TOP - _BOTTOM,
        last,
        low,
        high if high > low else low + 1.0,
        chart.logarithmic,
    )
    yield from _value_axis(chart, box)
    yield from _time_axis(chart, box)
    for span in chart.spans:
        begin, end = box.x(max(span.begin, 0.0)), box.x(min(span.end, last))
        yield (
            f'<rect class="span {span.kind}" x="{begin:.1f}" y="{box.top:g}" width="{max(end - begin, 0.5):.1f}" '
            f'height="{box.height:g}"/>'
        )
    first = chart.spans[0] if chart.spans else None
    if first is not None and first.label and box.x(first.end) - box.x(first.begin) > _CHARACTER * len(first.label):
        yield _text(box.x(first.begin) + 4, box.top + 11, first.label, "note")
    clip = f"clip-{chart.key}"
    inside = f'width="{box.width * _FINE:g}" height="{box.height * _FINE:g}"'
    yield f'<clipPath id="{escape(clip)}"><rect {inside}/></clipPath>'
    yield f'<g transform="translate({box.left:g} {box.top:g}) scale({1 / _FINE:g})" clip-path="url(#{escape(clip)})">'
    for band in chart.bands:
        yield _path(_area(band, box), f"band {band.role}")
    place = 0
    for line in chart.lines:
        number = ""
        if line.role == "series":
            number, place = f" s{place % 8}", place + 1
        yield _path(_stroke(line, box), f"line {line.role}{number}")
    yield "</g>"
    for level in chart.levels:
        if chart.bottom <= level.value <= chart.top:
            y = box.y(level.value)
            yield f'<path class="level" d="M{box.left:g} {y:.1f}H{box.right:g}"/>'
            yield _text(box.right - 4, y - 4, level.label, "note", "end")
    yield from _marks(chart, box)


def _marks(chart: Chart, box: _Box) -> Iterator[str]:
    faults = "".join(f"M{box.x(mark.at):.0f} {box.floor:g}v-10" for mark in chart.marks if mark.kind == "fault")
    if faults:
        yield f'<path class="mark fault" d="{faults}"/>'
    events = [mark for mark in chart.marks if mark.kind != "fault"]
    for kind in dict.fromkeys(mark.kind for mark in events):
        path = "".join(f"M{box.x(mark.at):.0f} {box.top:g}v{box.height:g}" for mark in events if mark.kind == kind)
        yield f'<path class="mark {kind}" d="{path}"/>'
    taken = -math.inf
    for mark in events if len(events) <= _MOST_LABELLED else ():
        text, x = mark.label or mark.kind, box.x(mark.at)
        wide = _CHARACTER * len(text)
        anchor = "end" if x + wide + 4 > box.right else "start"
        begin = x - wide if anchor == "end" else x
        if begin > taken:
            yield _text(x - 4 if anchor == "end" else x + 4, box.top + 11, text, f"note {mark.kind}", anchor)
            taken = begin + wide


def _value_axis(chart: Chart, box: _Box) -> Iterator[str]:
    scale = (log_scale if chart.logarithmic else value_scale)(chart.quantity, chart.bottom, chart.top)
    lines = "".join(f"M{box.left:g} {box.y(value):.1f}h{box.width:g}" for value, _ in scale.ticks)
    yield f'<path class="grid" d="{lines}"/>'
    for value, text in scale.ticks:
        yield _text(box.left - 5, box.y(value) + 4, text, "tick", "end")
    if scale.name:
        yield _text(box.left - 5, box.top - 10, scale.name, "tick", "end")


def _time_axis(chart: Chart, box: _Box) -> Iterator[str]:
    scale = time_scale(box.last, max(2, int(box.width / 70)))
    yield f'<path class="floor" d="M{box.left:g} {box.floor:g}h{box.width:g}"/>'
    for at, text in scale.ticks:
        yield _text(box.x(at), box.floor + 15, text, "tick", "middle")
    yield _text(box.left + box.width / 2, box.floor + 34, f"{scale.name} since {chart.origin}", "tick", "middle")


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    where = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}"{where}>{escape(text)}</text>'


def _path(d: str, kind: str) -> str:
    return f'<path class="{kind}" d="{d}"/>' if d else ""


def _stroke(line: Line, box: _Box) -> str:
    """A line; of more values than columns the least and the greatest of each column, so that no spike is hidden."""
    across, above = box.fine(*_thinned(line.t, line.y, box))
    return "".join(_polyline(across[begin:end], above[begin:end]) for begin, end in _pieces(above))


def _area(band: Band, box: _Box) -> str:
    t, low, high = _columns(band.t, band.low, band.high, box)
    across, above = box.fine(t, high)
    _, below = box.fine(t, low)
    drawn = []
    for begin, end in _pieces(above + below):
        if end - begin == 1:
            x, up, down = (np.repeat(one[begin:end], 2) for one in (across, above, below))
        else:
            x, up, down = across[begin:end], above[begin:end], below[begin:end]
        drawn.append(_polyline(np.append(x, x[::-1]), np.append(up, down[::-1])) + "z")
    return "".join(drawn)


def _pieces(values: Floats) -> Iterator[tuple[int, int]]:
    """Where the unbroken parts begin and end."""
    known = np.isfinite(values)
    edges = np.flatnonzero(np.diff(known.astype(np.int8), prepend=0, append=0)).tolist()
    yield from zip(edges[::2], edges[1::2], strict=True)


def _thinned(t: Floats, y: Floats, box: _Box) -> tuple[Floats, Floats]:
    """The least and the greatest value of each column, in order of time; a column of NaN alone breaks the line."""
    width = box.last / box.width * _COLUMN
    if t.size <= 2 * (box.width / _COLUMN + 1):
        return t, y
    place = np.floor(t / width).astype(np.int64)
    order = np.lexsort((y, place))  # of a column NaN come last
    first = np.flatnonzero(np.diff(place, prepend=place[0] - 1))
    known = np.add.reduceat(np.isfinite(y).astype(np.int64), first)
    kept = np.unique(np.concatenate([order[first], order[first + np.maximum(known - 1, 0)]]))
    return t[kept], y[kept]


def _columns(t: Floats, low: Floats, high: Floats, box: _Box) -> tuple[Floats, Floats, Floats]:
    """The envelope of an envelope; a column of NaN alone breaks it."""
    width = box.last / box.width * _COLUMN
    if t.size <= box.width / _COLUMN + 1:
        return t, low, high
    place = np.floor(t / width).astype(np.int64)
    first = np.flatnonzero(np.diff(place, prepend=place[0] - 1))
    return t[first], np.fmin.reduceat(low, first), np.fmax.reduceat(high, first)


def _polyline(x: Floats, y: Floats) -> str:
    """Relative whole numbers; a value alone is a dot."""
    points = np.stack([x, y], axis=1).astype(np.int64)
    steps = np.diff(points, axis=0).ravel().tolist() or [0, 0]
    return f"M{points[0, 0]} {points[0, 1]}l{' '.join(map(str, steps))}".replace(" -", "-")


def _forest(forest: Forest, width: float, height: float) -> Iterator[str]:
    bounds = [0.0, *(one for row in forest.rows for one in (row.low, row.value, row.high) if _known(one))]
    least, greatest = min(bounds), max(bounds)
    margin = 0.05 * ((greatest - least) or 1.0)
    least, greatest = least - margin, greatest + margin
    longest = max((len(row.label) for row in forest.rows), default=0)
    left = 16 + _CHARACTER * min(longest, _LABEL_CHARACTERS)
    right = width - 190.0
    floor = height - _BOTTOM
    scale = value_scale(forest.quantity, least, greatest, max(2, int((right - left) / 75)))

    def x(value: float) -> float:
        return left + (value - least) / (greatest - least) * (right - left)

    yield f'<path class="grid" d="{"".join(f"M{x(value):.1f} {_HEAD:g}V{floor:g}" for value, _ in scale.ticks)}"/>'
    for value, text in scale.ticks:
        yield _text(x(value), floor + 15, text, "tick", "middle")
    yield _text((left + right) / 2, floor + 34, _per(forest, scale), "tick", "middle")
    yield f'<path class="zero" d="M{x(0):.1f} {_HEAD:g}V{floor:g}"/>'
    for place, row in enumerate(forest.rows):
        y = _HEAD + _FOREST_ROW * (place + 0.5)
        rate, limits = format.bounded(unit_of_quantity(forest.quantity), row.value, _limits(row), forest.per)
        title = f"{row.label}: {rate} [{limits}]" + (f", {row.note}" if row.note else "")
        weight = "" if row.weight is None else f", weight {100 * row.weight:.0f} %"
        yield f'<g class="row{" pooled" if row.pooled else ""}"><title>{escape(title + weight)}</title>'
        yield _text(8, y + 4, _shortened(row.label), "label")
        yield _row(row, x, y)
        yield _text(width - 8, y - 1, rate, "label", "end")
        yield _text(width - 8, y + 10, f"[{limits}]" if limits != format.NONE else row.note, "tick", "end")
        yield "</g>"


def _row(row: Estimate, x: Callable[[float], float], y: float) -> str:
    drawn = ""
    known = [value for value in (row.low, row.high) if _known(value)]
    if row.pooled and row.value is not None and len(known) == 2:
        middle = x(row.value)
        low, high = min(x(known[0]), middle - _LEAST_HALF), max(x(known[1]), middle + _LEAST_HALF)
        corners = f"M{low:.1f} {y:g}L{middle:.1f} {y - 6:g}L{high:.1f} {y:g}L{middle:.1f} {y + 6:g}z"
        return f'<path class="diamond" d="{corners}"/>'
    if len(known) == 2:
        drawn += f'<path class="whisker" d="M{x(known[0]):.1f} {y:g}H{x(known[1]):.1f}"/>'
    if _known(row.value):
        side = 4 + 6 * math.sqrt(row.weight or 0.0)
        drawn += (
            f'<rect class="estimate" x="{x(row.value) - side / 2:.1f}" y="{y - side / 2:.1f}" width="{side:.1f}" '
            f'height="{side:.1f}"/>'
        )
    return drawn


def _limits(row: Estimate) -> tuple[float, float] | None:
    return None if row.low is None or row.high is None else (row.low, row.high)


def _per(forest: Forest, scale: Scale) -> str:
    per = {"h": "hour"}.get(forest.per, forest.per)
    name = scale.name or forest.quantity
    return f"{name} per {per}" if per else name


def _heat_left(figure: HeatMap) -> float:
    return 16 + _CHARACTER * min(max((len(row) for row in figure.rows), default=0), 40)


def _heat_head(figure: HeatMap) -> float:
    longest = max((len(_shortened(name)) for name in figure.columns), default=0)
    return 14 + 0.6 * _CHARACTER * longest + 12


def _heat_map(figure: HeatMap, width: float) -> Iterator[str]:
    left, head = _heat_left(figure), _heat_head(figure)
    cell = (width - left) / max(len(figure.columns), 1)
    for place, name in enumerate(figure.columns):
        x = left + cell * (place + 0.4)
        yield (
            f'<text class="label" transform="translate({x:.1f} {head - 6:g}) rotate(-35)">'
            f"<title>{escape(name)}</title>{escape(_shortened(name))}</text>"
        )
    for down, (name, cells) in enumerate(zip(figure.rows, figure.cells, strict=True)):
        y = head + _ROW * down
        yield _text(8, y + 16, name if len(name) <= 40 else f"{name[:39]}…", "label")
        for place, one in enumerate(cells):
            x = left + cell * place
            yield (
                f'<g class="cell {one.tone}"><title>{escape(one.title or one.text)}</title>'
                f'<rect x="{x + 1:.1f}" y="{y + 1:g}" width="{cell - 2:.1f}" height="{_ROW - 2:g}" rx="3" '
                f'fill-opacity="{one.strength:.2f}"/>'
                f"{_text(x + cell / 2, y + 16, f'{one.mark} {one.text}'.strip(), 'value', 'middle')}</g>"
            )


def _shortened(label: str) -> str:
    return label if len(label) <= _LABEL_CHARACTERS else f"{label[: _LABEL_CHARACTERS - 1]}…"


def _known(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)
