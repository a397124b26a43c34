"""Series from a user's table: CSV or Parquet, wide or long, with any usual time column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import isnan
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from aging.core.errors import Mistake, MistakesError
from aging.stats.note import Note
from aging.tables.files import read_csv, read_parquet
from aging.tables.series import Floats, TableReading, TableSeries
from aging.tables.table import Column
from aging.tables.work import work_columns, work_of


class Table(Protocol):
    """Columns of one length by name, in order: a dict of arrays is one, and so is a pandas frame."""

    def __iter__(self) -> Iterator[Any]: ...

    def __getitem__(self, name: Any, /) -> Any: ...


_TIME_NAMES = (
    "time",
    "timestamp",
    "elapsed_seconds",
    "elapsed",
    "seconds",
    "datetime",
    "date",
    "epoch",
    "ts",
    "t",
    "mono",
)
_EPOCH_FROM = 1e8  # seconds; 1973: a larger number counts from the epoch, a smaller one from the start of recording
_PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_EPOCH = datetime.fromtimestamp(0, UTC)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen columns of a table; None and empty stand for the defaults."""

    time: str | None = None
    columns: Sequence[str] = ()
    per: str | None = None
    load_start: str | None = None


class _Origin(NamedTuple):
    """The start of load, and whether the first sample was taken for it."""

    seconds: float
    assumed: bool


def read(path: Path, choice: Choice) -> TableReading:
    """The series of a file. Raises :class:`MistakesError` with every mistake of the file and of the choice."""
    return TableReading(tuple(series_of(read_table(path), str(path), choice)))


def read_table(path: Path) -> Table:
    """A CSV or Parquet file, recognized by its first bytes. Raises :class:`MistakesError` for anything else."""
    try:
        with path.open("rb") as file:
            parquet = file.read(4) == b"PAR1"
        table = read_parquet(path) if parquet else read_csv(path)
    except OSError as error:
        raise MistakesError(str(path), [Mistake("", f"cannot be read: {error.strerror or error}")]) from None
    except ValueError as error:
        raise MistakesError(str(path), [Mistake("", f"is neither CSV nor Parquet: {error}")]) from None
    if not all(column.size for column in table.values()):
        raise MistakesError(str(path), [Mistake("", "has no rows")])
    return table


def series_of(table: Table, source: str, choice: Choice) -> list[TableSeries]:
    """Every chosen (by default every numeric) column, one series for each value of ``per``.

    A column of text counts as numeric if most of it reads as numbers: a few ``n/a`` are missing values.
    Raises :class:`MistakesError` naming every column that is missing or not numeric.
    """
    names = list(table)
    listed = ", ".join(map(str, names))
    mistakes = [
        Mistake(name, f"no such column; the columns are: {listed}")
        for name in (choice.time, choice.per, *choice.columns)
        if name is not None and name not in names
    ]
    chosen = choice.time or _guess_time(table)
    if chosen is None:
        mistakes.append(Mistake("--time", f"no column looks like a time; name one of: {listed}"))
    if mistakes or chosen is None:
        raise MistakesError(source, mistakes)
    seconds, epoch = seconds_of(np.asarray(table[chosen]), chosen, source)
    origin = _Origin(_origin(choice.load_start, seconds, epoch, source), choice.load_start is None)
    counts = work_columns(table)
    others = [str(name) for name in names if name not in (chosen, choice.per)]
    asked = list(choice.columns) or [name for name in others if name not in counts] or others
    numbers = {name: _numbers(np.asarray(table[name])) for name in asked}
    columns = {name: values for name, values in numbers.items() if values is not None}
    if not columns and not choice.columns:
        raise MistakesError(source, [Mistake("--column", "no column besides the time holds numbers")])
    if choice.columns and len(columns) < len(numbers):
        wrong = [Mistake(name, "holds values that are not numbers") for name in asked if name not in columns]
        raise MistakesError(source, wrong)
    whole: list[tuple[Mapping[str, str], NDArray[np.bool_]]] = [({}, np.ones(seconds.size, dtype=bool))]
    groups = whole if choice.per is None else _groups(table, choice.per)
    return [
        _series(name, labels, seconds[rows], values[rows], origin, work_of(table, name, rows))
        for labels, rows in groups
        for name, values in columns.items()
    ]


def _numbers(column: Column) -> Floats | None:
    """The column as numbers, NaN for a cell without one; None for a column of something else."""
    if column.dtype.kind in "biuf":
        return column.astype(np.float64)
    if column.dtype.kind not in "OU":
        return None
    read = np.array([_number(value) for value in column])
    return read if np.count_nonzero(~np.isnan(read)) > np.count_nonzero(_known(column)) / 2 else None


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return np.nan


def _known(column: Column) -> NDArray[np.bool_]:
    """Where there is a value: neither None nor NaN."""
    return np.array([value is not None and not (isinstance(value, float) and isnan(value)) for value in column], bool)


def _guess_time(table: Table) -> str | None:
    by_name = {str(name).strip().lower(): str(name) for name in table}
    for name in _TIME_NAMES:
        if name in by_name:
            return by_name[name]
    return next((str(name) for name in table if np.asarray(table[name]).dtype.kind == "M"), None)


def seconds_of(times: Column, name: str, source: str) -> tuple[Floats, bool]:
    """Times as seconds, and whether they count from the epoch."""
    if times.dtype.kind in "biuf":
        numbers = times.astype(np.float64)
        known = numbers[np.isfinite(numbers)]
        if not known.size:
            raise MistakesError(source, [Mistake(name, "holds no times")])
        typical = float(np.median(np.abs(known)))
        unit = next((unit for unit, per in reversed(_PER_SECOND.items()) if typical > _EPOCH_FROM * per * 10), "s")
        seconds: Floats = numbers / _PER_SECOND[unit]
        return seconds, typical > _EPOCH_FROM
    try:
        instants = _instants(times)
    except (ValueError, TypeError) as error:
        raise MistakesError(source, [Mistake(name, f"is neither seconds nor ISO 8601: {error}")]) from None
    if np.isnan(instants).all():
        raise MistakesError(source, [Mistake(name, "holds no times")])
    return instants, True


def _instants(times: Column) -> Floats:
    """Seconds since the epoch, NaN where there is no time. Raises ValueError, TypeError for what is no instant."""
    if times.dtype.kind == "M":
        return (times - np.datetime64(0, "s")) / np.timedelta64(1, "s")
    known = _known(times)
    seconds = np.full(times.size, np.nan)
    seconds[known] = [(_instant(value) - _EPOCH) / _SECOND for value in times[known]]
    return seconds


def _instant(value: Any) -> datetime:
    """A time, as text or as a table holds it; without a zone it is UTC."""
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    stamp = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)


def _origin(load_start: str | None, seconds: Floats, epoch: bool, source: str) -> float:
    if load_start is None:
        return float(seconds[np.isfinite(seconds)].min())
    try:
        return float(load_start)
    except ValueError:
        pass
    try:
        stamp = _instant(load_start)
    except ValueError:
        what = f"{load_start!r} is neither a number of seconds nor an ISO 8601 time"
        raise MistakesError(source, [Mistake("--load-start", what)]) from None
    if not epoch:
        what = f"{load_start!r} is a date, but the file's times count from the start of recording: give seconds"
        raise MistakesError(source, [Mistake("--load-start", what)])
    return stamp.timestamp()


def _groups(table: Table, per: str) -> Iterator[tuple[Mapping[str, str], NDArray[np.bool_]]]:
    values = np.asarray(table[per])
    for value in sorted(set(values[_known(values)].tolist()), key=str):
        yield {per: str(value)}, np.asarray(values == value, dtype=bool)


def _series(  # noqa: PLR0913, PLR0917
    column: str,
    labels: Mapping[str, str],
    seconds: Floats,
    y: Floats,
    origin: _Origin,
    work: Mapping[str, Floats],
) -> TableSeries:
    t = seconds - origin.seconds
    notes: list[Note] = []
    known = np.isfinite(t) & np.isfinite(y)
    if lost := int((~known).sum()):
        message = f"{lost} of {y.size} rows without a finite time and value are left out."
        notes.append(Note("rows_not_finite", message))
    before = known & (t < 0)
    if early := int(before.sum()):
        notes.append(Note("rows_before_load", f"{early} rows before the start of load are left out."))
    kept = known & ~before
    t, y, work = t[kept], y[kept], {name: counted[kept] for name, counted in work.items()}
    if np.any(np.diff(t) < 0):
        notes.append(Note("unsorted", "The times were not in order; the series was sorted."))
        order = np.argsort(t, kind="stable")
        t, y, work = t[order], y[order], {name: counted[order] for name, counted in work.items()}
    return TableSeries(column, t, y, tuple(notes), origin.assumed, work, labels, counter=column.endswith("_total"))
