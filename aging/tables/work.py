"""The counts of work that lie beside a table's column: requests and tokens until each of its times."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aging.tables.names import bare
from aging.tables.series import Axis, TableSeries

Floats = NDArray[np.float64]

_FEWEST = 2
_MOST_RESETS = 0.05
_NAMES = {
    "requests": re.compile(r"(.*[_.:])?(requests?|queries)([_.](count|total|sent|done|completed|finished|served))*"),
    "tokens": re.compile(r"(.*[_.:])?tokens?([_.](count|total|sum|generated))*"),
}


class _Table(Protocol):
    def __iter__(self) -> Iterator[Any]: ...

    def __getitem__(self, name: Any, /) -> Any: ...


def work_columns(table: _Table) -> frozenset[str]:
    """The columns that count work by their names and values: they are no series to judge."""
    return frozenset(
        str(name)
        for name in table
        if any(pattern.fullmatch(str(name).strip().lower()) for pattern in _NAMES.values())
        and _count(np.asarray(table[name])) is not None
    )


def work_of(table: _Table, column: str, rows: Any) -> Mapping[str, Floats]:
    """The cumulative counts in these ``rows``, by ``requests`` and ``tokens``, without ``column`` itself.

    A column counts by its name (``requests``, ``http_requests_total``, ``tokens_total``) and by its values: numbers,
    all finite, that rise and fall only to begin again. The first such column of each kind is taken.
    """
    work: dict[str, Floats] = {}
    for kind, pattern in _NAMES.items():
        for name in table:
            if str(name) == column or not pattern.fullmatch(str(name).strip().lower()):
                continue
            counted = _count(np.asarray(table[name])[rows], resets=True)
            if counted is not None:
                work[kind] = counted
                break
    return work


def _count(values: NDArray[Any], *, resets: bool = False) -> Floats | None:
    if values.dtype.kind not in "iuf" or values.size < _FEWEST:
        return None
    counted = values.astype(np.float64)
    if not np.all(np.isfinite(counted)):
        return None
    steps = np.diff(counted)
    falls = steps < 0
    if resets:
        allowed = (
            bool(np.all(counted[1:][falls] < counted[:-1][falls] / 2)) and falls.sum() <= _MOST_RESETS * steps.size
        )
    else:
        allowed = not falls.any()
    return counted if allowed and bool(np.any(steps > 0)) else None


def along(series: TableSeries, counted: Floats, count: str) -> TableSeries:
    """The series along a cumulative count, shape (n,), of that name, in place of the clock; a reset counts on."""
    rises = np.diff(counted)
    done = np.concatenate([[0.0], np.cumsum(np.where(rises < 0, counted[1:], rises))]) if counted.size else counted
    at = None if series.restarts is None else tuple(np.interp(series.restarts, series.t, done).tolist())
    name = bare(count).removesuffix("_total")
    return replace(series, t=done, axis=Axis(name), work={}, start=None, restarts=at, origin_assumed=False)
