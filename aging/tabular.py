"""Series from the tables people already have: CSV or Parquet, wide or long, any usual notion of time."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aging.errors import Mistake, MistakesError

Floats = NDArray[np.float64]

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


@dataclass(frozen=True, slots=True)
class Choice:
    """Which columns of a table are wanted: None and empty choose what is usual."""

    time: str | None = None
    columns: Sequence[str] = ()
    per: str | None = None
    load_start: str | None = None


@dataclass(frozen=True, slots=True)
class TableSeries:
    """One column (of one group): ``t`` (shape n) seconds since the start of load, ``y`` (shape n), and remarks.

    ``origin_assumed`` tells that the first sample was taken for the start of load.
    """

    column: str
    t: Floats
    y: Floats
    notes: tuple[str, ...]
    origin_assumed: bool


def read_table(path: Path) -> pd.DataFrame:
    """A CSV or Parquet file (told by its first bytes). Raises :class:`MistakesError` for anything else."""
    try:
        with path.open("rb") as file:
            parquet = file.read(4) == b"PAR1"
        frame = (
            pd.read_parquet(path) if parquet else pd.read_csv(path, sep=None, engine="python", skipinitialspace=True)
        )
    except OSError as error:
        raise MistakesError(str(path), [Mistake("", f"cannot be read: {error.strerror or error}")]) from None
    except (ValueError, csv.Error, pd.errors.ParserError) as error:
        raise MistakesError(str(path), [Mistake("", f"is neither CSV nor Parquet: {error}")]) from None
    if frame.empty:
        raise MistakesError(str(path), [Mistake("", "has no rows")])
    return frame


def series_of(frame: pd.DataFrame, source: str, choice: Choice) -> list[TableSeries]:
    """Every asked (by default every numeric) column, one series for each value of ``per``.

    A column of text counts as numeric if most of it reads as numbers: a few ``n/a`` are missing values.
    Raises :class:`MistakesError` naming every column that is missing or is no number.
    """
    mistakes = [
        Mistake(name, f"there is no such column; there are: {', '.join(map(str, frame.columns))}")
        for name in (choice.time, choice.per, *choice.columns)
        if name is not None and name not in frame.columns
    ]
    chosen = choice.time or _guess_time(frame)
    if chosen is None:
        mistakes.append(
            Mistake("--time", f"no column looks like a time; name one of: {', '.join(map(str, frame.columns))}")
        )
    if mistakes or chosen is None:
        raise MistakesError(source, mistakes)
    seconds, epoch = _seconds(frame[chosen], source)
    origin = _origin(choice.load_start, seconds, epoch, source)
    asked = list(choice.columns) or [str(name) for name in frame.columns if name not in (chosen, choice.per)]
    numbers = {name: _numbers(frame[name]) for name in asked}
    columns = {name: values for name, values in numbers.items() if values is not None}
    if not columns and not choice.columns:
        raise MistakesError(source, [Mistake("--column", "no column but the time holds numbers")])
    if choice.columns and len(columns) < len(numbers):
        wrong = [Mistake(name, "holds values that are no numbers") for name in asked if name not in columns]
        raise MistakesError(source, wrong)
    assumed = choice.load_start is None
    return [
        _series(f"{name}{label}", seconds[rows], values[rows], origin, assumed)
        for label, rows in _groups(frame, choice.per)
        for name, values in columns.items()
    ]


def _numbers(column: pd.Series) -> Floats | None:
    """The column as numbers, NaN where it holds none; None for a column that is about something else."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    if not pd.api.types.is_object_dtype(column) and not pd.api.types.is_string_dtype(column):
        return None
    read: Floats = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return read if np.count_nonzero(~np.isnan(read)) > column.notna().sum() / 2 else None


def _guess_time(frame: pd.DataFrame) -> str | None:
    by_name = {str(name).strip().lower(): str(name) for name in frame.columns}
    for name in _TIME_NAMES:
        if name in by_name:
            return by_name[name]
    return next((str(name) for name in frame.columns if pd.api.types.is_datetime64_any_dtype(frame[name])), None)


def _seconds(times: pd.Series, source: str) -> tuple[Floats, bool]:
    """Times as seconds, and whether they count from the epoch."""
    if pd.api.types.is_numeric_dtype(times):
        numbers = times.to_numpy(dtype=np.float64, na_value=np.nan)
        known = numbers[np.isfinite(numbers)]
        if not known.size:
            raise MistakesError(source, [Mistake(str(times.name), "holds no times")])
        typical = float(np.median(np.abs(known)))
        unit = next((unit for unit, per in reversed(_PER_SECOND.items()) if typical > _EPOCH_FROM * per * 10), "s")
        seconds: Floats = numbers / _PER_SECOND[unit]
        return seconds, typical > _EPOCH_FROM
    try:
        stamps = pd.to_datetime(times, utc=True, format="ISO8601")
    except (ValueError, TypeError) as error:
        what = f"is neither seconds nor ISO 8601: {error}"
        raise MistakesError(source, [Mistake(str(times.name), what)]) from None
    if stamps.isna().all():
        raise MistakesError(source, [Mistake(str(times.name), "holds no times")])
    return np.asarray((stamps - pd.Timestamp(0, tz="UTC")).dt.total_seconds(), dtype=np.float64), True


def _origin(load_start: str | None, seconds: Floats, epoch: bool, source: str) -> float:
    if load_start is None:
        return float(seconds[np.isfinite(seconds)].min())
    try:
        return float(load_start)
    except ValueError:
        pass
    try:
        stamp = pd.Timestamp(load_start)
    except ValueError:
        what = f"{load_start!r} is neither a number of seconds nor an ISO 8601 time"
        raise MistakesError(source, [Mistake("--load-start", what)]) from None
    if not epoch:
        what = f"{load_start!r} is a date, but the file's times count from the start of recording: give seconds"
        raise MistakesError(source, [Mistake("--load-start", what)])
    return float((stamp if stamp.tzinfo else stamp.tz_localize("UTC")).timestamp())


def _groups(frame: pd.DataFrame, per: str | None) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    if per is None:
        yield "", np.ones(len(frame), dtype=bool)
        return
    values = frame[per]
    for value in sorted(values.dropna().unique(), key=str):
        yield f"[{per}={value}]", (values == value).to_numpy(dtype=bool)


def _series(column: str, seconds: Floats, y: Floats, origin: float, origin_assumed: bool) -> TableSeries:
    t = seconds - origin
    notes = []
    known = np.isfinite(t) & np.isfinite(y)
    if lost := int((~known).sum()):
        notes.append(f"{lost} of {y.size} rows without a finite time and value were left out")
    before = known & (t < 0)
    if early := int(before.sum()):
        notes.append(f"{early} rows before the start of load were left out")
    t, y = t[known & ~before], y[known & ~before]
    if np.any(np.diff(t) < 0):
        notes.append("times were not in order and were sorted")
        order = np.argsort(t, kind="stable")
        t, y = t[order], y[order]
    return TableSeries(column, t, y, tuple(notes), origin_assumed)
