"""A series as a caller of the public API holds it, a pandas Series or times and values, as seconds and values.

Nothing is guessed: an index that is no time, times out of order and lengths that differ are errors, each saying what
would be right. Missing values are left out with a note.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aging.core.errors import InputError
from aging.stats.note import Note
from aging.tables.series import TableSeries
from aging.tables.times import TimesError, seconds_of

Floats = NDArray[np.float64]

UNNAMED = "y"
"""What a series without a name is called in messages."""

_INDEX = "a DatetimeIndex (pd.to_datetime), a TimedeltaIndex, or numbers of seconds"


def series_of_pandas(series: Any, load_start: Any = None) -> TableSeries:
    """A pandas Series whose index is its times. Raises :class:`InputError`."""
    if isinstance(series, pd.DataFrame):
        names = ", ".join(map(repr, series.columns))
        raise InputError(f"a DataFrame is no series: name one of its columns ({names}), like aging.trend(frame[NAME])")
    if not isinstance(series, pd.Series):
        raise InputError(
            f"{type(series).__name__} has no times: pass a pandas Series whose index is its times, or aging.trend(t, y)"
        )
    if type(series.index) is pd.RangeIndex and series.index.start == 0 and series.index.step == 1:
        raise InputError(
            f"{_name(series)}: its index is the row number (0, 1, 2, …), which is no time. Set one with "
            "series.index = TIMES, or say that rows are a second apart with aging.trend(range(len(series)), series)"
        )
    return _series(_name(series), series.index, series, load_start)


def series_of_arrays(t: Any, y: Any, load_start: Any = None) -> TableSeries:
    """Times and values: lists, arrays, or pandas objects, whose own index is not looked at. Raises InputError."""
    values = y if isinstance(y, pd.Series) else _column(y, "y")
    times = pd.Index(t) if isinstance(t, pd.Series | pd.Index) else pd.Index(_column(t, "t"))
    if len(times) != len(values):
        raise InputError(f"t has {len(times)} values and y has {len(values)}: they must be equally many")
    return _series(_name(values), times, values, load_start)


def _name(series: pd.Series) -> str:
    return UNNAMED if series.name is None else str(series.name)


def _column(values: Any, name: str) -> pd.Series:
    try:
        return pd.Series(list(values) if isinstance(values, range) else values)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must have one dimension: a list, an array or a pandas Series ({error})") from None


def _series(name: str, times: pd.Index, series: pd.Series, load_start: Any) -> TableSeries:
    if not len(series):
        raise InputError(f"{name} is empty: nothing was measured, or everything was filtered out")
    y = _values(name, series)
    seconds, absolute = _seconds(name, times)
    known = np.isfinite(seconds) & np.isfinite(y)
    if not known.any():
        raise InputError(f"{name}: none of its {y.size} rows has both a time and a finite value")
    notes: list[Note] = []
    if lost := int((~known).sum()):
        message = f"{lost} of {y.size} rows without a finite time and value are left out."
        notes.append(Note("rows_not_finite", message))
    _check_order(name, times[known], seconds[known])
    t = seconds[known] - _origin(load_start, seconds[known], absolute=absolute)
    if early := int((t < 0).sum()):
        notes.append(Note("rows_before_load", f"{early} rows before the start of load are left out."))
    after = t >= 0
    if not after.any():
        raise InputError(f"{name}: all of its rows lie before the start of load ({load_start})")
    assumed, counts = absolute and load_start is None, name.endswith("_total")
    return TableSeries(name, t[after], y[known][after], tuple(notes), assumed, counter=counts)


def _values(name: str, series: pd.Series) -> Floats:
    kind = series.dtype
    if not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_complex_dtype(kind):
        raise InputError(
            f"{name}: its values ({kind}) are no real numbers: convert them, like pd.to_numeric(s, errors='coerce')"
        )
    return series.to_numpy(dtype=np.float64, na_value=np.nan)


def _seconds(name: str, times: pd.Index) -> tuple[Floats, bool]:
    """Times as seconds, and whether they are dates: those say nothing of when load began."""
    if isinstance(times, pd.DatetimeIndex):
        utc = times.tz_localize("UTC") if times.tz is None else times.tz_convert("UTC")
        return np.asarray((utc - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1), dtype=np.float64), True
    if isinstance(times, pd.TimedeltaIndex):
        return np.asarray(times / pd.Timedelta(seconds=1), dtype=np.float64), False
    if isinstance(times, pd.MultiIndex):
        raise InputError(f"{name}: its index has {times.nlevels} levels: leave one, the time (series.droplevel)")
    if isinstance(times, pd.PeriodIndex):
        raise InputError(f"{name}: its index holds periods: make them instants with series.to_timestamp()")
    if not pd.api.types.is_numeric_dtype(times.dtype) or times.dtype.kind in "bc":
        return _mixed_zones(name, times)
    try:
        return seconds_of(times.to_numpy(dtype=np.float64, na_value=np.nan))
    except TimesError as error:
        raise InputError(f"{name}: t: {error}") from None


def _mixed_zones(name: str, times: pd.Index) -> tuple[Floats, bool]:
    """Objects that are dates with zones of their own, as both halves of a year are; raises for anything else."""
    kind = type(times[0]).__name__ if len(times) else str(times.dtype)
    if times.dtype == object and all(hasattr(time, "utcoffset") for time in times):
        try:
            return _seconds(name, pd.DatetimeIndex(pd.to_datetime(times, utc=True)))
        except (TypeError, ValueError):
            pass
    raise InputError(f"{name}: its times are {kind}, which is no time: give {_INDEX}")


def _check_order(name: str, times: pd.Index, seconds: Floats) -> None:
    falls = np.flatnonzero(np.diff(seconds) < 0)
    if not falls.size:
        return
    place = int(falls[0]) + 1
    naive = isinstance(times, pd.DatetimeIndex) and times.tz is None
    clocks = "; local times go back when summer time ends: localize them first (tz_localize)" if naive else ""
    raise InputError(
        f"{name}: its times are not in order ({times[place]} comes after {times[place - 1]}, "
        f"and {falls.size} times go back in all): sort them, like series.sort_index(){clocks}"
    )


def _origin(load_start: Any, seconds: Floats, *, absolute: bool) -> float:
    if load_start is None:
        return float(seconds[0]) if absolute else 0.0
    try:
        if not absolute:
            return float(load_start)
        if isinstance(load_start, int | float):
            return float(seconds_of(np.array([float(load_start)]))[0][0])
        stamp = pd.Timestamp(load_start)
    except (TypeError, ValueError):
        right = "a time like '2026-11-21T10:00Z'" if absolute else "seconds, as its times are"
        raise InputError(f"load_start: {load_start!r} cannot be used here: give {right}") from None
    utc = stamp.tz_localize("UTC") if stamp.tz is None else stamp.tz_convert("UTC")
    return float((utc - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1))
