"""The data of a figure as rows of a table, a header first: what its CSV file holds."""

from __future__ import annotations

import math
from collections.abc import Iterator

from aging.report.charts.chart import Chart, Figure, Floats, Forest

Row = tuple[str | float | None, ...]


def rows(figure: Figure) -> Iterator[Row]:
    """The header and the rows. Of a chart one a value: seconds since its origin, in the unit of its quantity."""
    if isinstance(figure, Chart):
        yield from _chart(figure)
    elif isinstance(figure, Forest):
        yield "label", f"{figure.quantity}_per_{figure.per}", "low", "high", "weight", "pooled", "note"
        for one in figure.rows:
            yield one.label, one.value, one.low, one.high, one.weight, str(one.pooled).lower(), one.note
    else:
        yield "row", "column", "tone", "text", "strength", "title"
        for name, cells in zip(figure.rows, figure.cells, strict=True):
            for column, cell in zip(figure.columns, cells, strict=True):
                yield name, column, cell.tone, cell.text, cell.strength, cell.title


def _chart(chart: Chart) -> Iterator[Row]:
    yield "kind", "label", "role", "seconds", "end_seconds", chart.quantity, "low", "high"
    for line in chart.lines:
        for t, y in _pairs(line.t, line.y):
            yield "line", line.label, line.role, t, None, y, None, None
    for band in chart.bands:
        for t, low, high in _pairs(band.t, band.low, band.high):
            yield "band", band.label, band.role, t, None, None, low, high
    for span in chart.spans:
        yield "span", span.label, span.kind, span.begin, span.end, None, None, None
    for mark in chart.marks:
        yield "mark", mark.label, mark.kind, mark.at, None, None, None, None
    for level in chart.levels:
        yield "level", level.label, None, None, None, level.value, None, None


def _pairs(*columns: Floats) -> Iterator[tuple[float | None, ...]]:
    """Values side by side; NaN, where a line is broken, is an empty cell."""
    for values in zip(*(column.tolist() for column in columns), strict=True):
        yield tuple(None if math.isnan(value) else value for value in values)
