"""The unit in which values of a table's series are written."""

from __future__ import annotations

from dataclasses import replace

from aging.core.format import Unit, unit_of, unit_of_measure
from aging.core.measure import PLAIN
from aging.tables.series import TableSeries


def unit_of_series(series: TableSeries) -> Unit:
    """By its measure, or the ending of its name where that is not known; of a counter, that of its rate."""
    named = series.measure == PLAIN
    unit = unit_of(series.column.partition("[")[0]) if named else unit_of_measure(series.measure)
    if not series.counter:
        return unit
    return replace(unit, suffix="/s" if series.axis.count is None else f"/{series.axis.count}")


def unit_of_level(series: TableSeries) -> Unit:
    """The unit of the values as they were read: of a counter, what it counts."""
    return replace(unit_of_series(series), suffix="/s" if series.measure.rate else "")
