"""The columns of a table as numbers, and why some of them are not judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from aging.core.measure import PLAIN, Measure
from aging.tables.cells import Cells, CellsError, is_missing, read_cells
from aging.tables.decimal_marks import certain_mark
from aging.tables.names import bare, is_counter, is_identifier, is_row_number, may_measure, measure_of_name, time_rank
from aging.tables.series import Floats
from aging.tables.shares import as_share
from aging.tables.stamps import is_stamp
from aging.tables.table import Column, Table

_VALUE_NAMES = frozenset({"value", "val", "v", "reading", "metric_value", "sample_value", "y"})
_MOST_SMALL_FALLS = 0.01
_MOST_OF_A_KIND = 16
"""Devices of one host."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The columns that hold numbers, and of each other one why it does not.

    ``contradicting`` are those of the others whose decimal mark is another than the user gave.
    """

    cells: Mapping[str, Cells]
    refused: Mapping[str, str]
    contradicting: tuple[str, ...] = ()


def numbers_of(table: Table, names: list[str], decimal: str) -> Numbers:
    """The named columns, each in its base unit; ``decimal`` is the mark that the user gave."""
    cells: dict[str, Cells] = {}
    refused: dict[str, CellsError] = {}
    for name in names:
        try:
            cells[name] = _read(name, table, decimal)
        except CellsError as error:
            refused[name] = error
    if any(error.open_mark for error in refused.values()) and (shown := _shown_mark(table, names)):
        for name in [name for name, error in refused.items() if error.open_mark]:
            with suppress(CellsError):
                cells[name] = _read(name, table, decimal, shown)
                del refused[name]
    contradicting = tuple(name for name, error in refused.items() if error.contradicts)
    cells = {name: cells[name] for name in names if name in cells}
    return Numbers(cells, {name: str(error) for name, error in refused.items()}, contradicting)


def _shown_mark(table: Table, names: Sequence[str]) -> tuple[str, str] | None:
    """The decimal mark that other columns leave no doubt of, and the name of one of them."""
    found: dict[str, str] = {}
    for name in names:
        column = np.asarray(table.columns[name])
        if column.dtype.kind in "OU" and (
            mark := certain_mark(cell for cell in column.tolist() if isinstance(cell, str))
        ):
            found.setdefault(mark, name)
    return next(iter(found.items())) if len(found) == 1 else None


def _read(name: str, table: Table, decimal: str, shown: tuple[str, str] | None = None) -> Cells:
    column = np.asarray(table.columns[name])
    cells = _cells_of(column, name, table, decimal, shown)
    if name in table.measures and name not in table.fractions:
        return cells
    signed = column.dtype.kind in "OU" and any(isinstance(cell, str) and "%" in cell for cell in column.tolist())
    return cells if signed else as_share(cells, name, known=name in table.fractions)


def _cells_of(column: Column, name: str, table: Table, decimal: str, shown: tuple[str, str] | None = None) -> Cells:
    """``shown`` is a mark with the column that shows it. Raises CellsError."""
    measure = table.measures.get(name) or measure_of_name(name)
    if column.dtype.kind in "biuf":
        values = column.astype(np.float64)
        if (
            decimal == ","
            and column.dtype.kind == "f"
            and (parts := values[np.isfinite(values) & (values % 1 != 0)]).size
        ):
            what = f"{parts[0]:.15g} has a decimal point, so --decimal , does not apply; leave it out"
            raise CellsError(what, contradicts=True)
        if measure is None:
            return Cells(values)
        return Cells(values if measure.factor == 1.0 else values * measure.factor, measure)
    if column.dtype.kind == "m":
        return Cells(column / np.timedelta64(1, "s"), Measure("s"))
    if column.dtype.kind not in "OU":
        raise CellsError("holds times")
    texts = [None if cell is None or cell != cell else str(cell) for cell in column.tolist()]  # noqa: PLR0124 - NaN
    known = next((text for text in texts if not is_missing(text)), None)
    if known is not None and is_stamp(known) and (time_rank(name) is not None or any(mark in known for mark in "-/ ")):
        raise CellsError(f"holds times, like {known!r}")
    mark, where = shown if shown is not None and not decimal else (decimal or table.decimal, "")
    return read_cells(
        texts,
        name,
        measure=measure,
        decimal=mark,
        sure=bool(decimal),
        where=where,
        decimal_units=name in table.decimal_units,
    )


def identifies(name: str, values: Floats, table: Table) -> bool:
    """Whether a column of numbers measures nothing: an index, a process id, a port, the number of the row."""
    if name in table.identifiers:
        return True
    if name in table.counters or name in table.measures:
        return False
    if is_row_number(name) and values.size > 1 and values[0] in (0, 1) and bool(np.all(np.diff(values) == 1)):
        return True
    if not is_identifier(name):
        return False
    known = values[np.isfinite(values)]
    if may_measure(name) and np.unique(known).size > _MOST_OF_A_KIND:
        return False
    return bool(np.all(known == np.floor(known)) and np.all(known >= 0))


def counts_up(
    name: str, labels: Mapping[str, str], values: Floats, counters: frozenset[str], beside: frozenset[str]
) -> bool:
    """Whether a series is a cumulative count: by the format, by its name, and by values that fall only to restart.

    ``counters`` are the columns that the format knows, ``beside`` the bare names of all columns.
    """
    if not (name in counters or is_counter(name, beside) or is_counter(_metric(name, labels), beside)):
        return False
    known = values[np.isfinite(values)]
    falls = (np.diff(known) < 0) & (known[1:] > known[:-1] / 2)
    return int(np.count_nonzero(falls)) <= max(1, _MOST_SMALL_FALLS * known.size)


def by_metric(name: str, labels: Mapping[str, str], cells: Cells) -> Cells:
    """The cells of a column called ``value`` in the unit of the metric that a label names."""
    metric = _metric(name, labels)
    if not metric or cells.measure != PLAIN:
        return cells
    measure = measure_of_name(metric) or PLAIN
    return as_share(replace(cells, values=cells.values * measure.factor, measure=measure), metric, known=False)


def _metric(name: str, labels: Mapping[str, str]) -> str:
    if bare(name) not in _VALUE_NAMES or not labels:
        return ""
    return labels.get("metric") or labels.get("__name__") or labels.get("name") or next(iter(labels.values()))


def bare_names(table: Table) -> frozenset[str]:
    """The names of all columns, without labels and decoration."""
    return frozenset(map(bare, table.columns))
