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

_NAMES = {
    "requests": re.compile(r"(.*[_.:])?(requests?|queries)([_.](count|total|sent|done|completed|finished|served))*"),
    "tokens": re.compile(r"(.*[_.:])?tokens?([_.](count|total|sum|generated))*"),
}


class _Table(Protocol):
    def __iter__(self) -> Iterator[Any]: ...

    def __getitem__(self, name: Any, /) -> Any: ...


def work_of(table: _Table, column: str, rows: Any) -> Mapping[str, Floats]:
    """The cumulative counts in these ``rows``, by ``requests`` and ``tokens``, without ``column`` itself.

    A column counts by its name (``requests``, ``http_requests_total``, ``tokens_total``) and by its values: numbers,
    all finite, that never fall and do rise. The first such column of each kind is taken.
    """
    return first_of(counts_of(table, rows), column)


def counts_of(table: _Table, rows: Any) -> Mapping[str, Mapping[str, Floats]]:
    """Every cumulative count in these ``rows``: by ``requests`` and ``tokens``, then by column."""
    return {
        kind: {
            str(name): counted
            for name in table
            if pattern.fullmatch(str(name).strip().lower())
            and (counted := _count(np.asarray(table[name])[rows])) is not None
        }
        for kind, pattern in _NAMES.items()
    }


def first_of(counts: Mapping[str, Mapping[str, Floats]], column: str) -> Mapping[str, Floats]:
    """Of the counts of each kind the first that is not ``column`` itself."""
    first = {
        kind: next((counted for name, counted in named.items() if name != column), None)
        for kind, named in counts.items()
    }
    return {kind: counted for kind, counted in first.items() if counted is not None}


def _count(values: NDArray[Any]) -> Floats | None:
    if values.dtype.kind not in "iuf" or values.size < 2:
        return None
    counted = values.astype(np.float64, copy=False)
    never_falls = bool(np.all(counted[1:] >= counted[:-1]))
    finite = never_falls and np.isfinite(counted[0]) and np.isfinite(counted[-1])
    return counted if finite and counted[-1] > counted[0] else None


def along(series: TableSeries, counted: Floats, count: str) -> TableSeries:
    """The series along a cumulative count, shape (n,), of that name, in place of the clock; a reset counts on."""
    rises = np.diff(counted)
    done = np.concatenate([[0.0], np.cumsum(np.where(rises < 0, counted[1:], rises))]) if counted.size else counted
    at = None if series.restarts is None else tuple(np.interp(series.restarts, series.t, done).tolist())
    name = bare(count).removesuffix("_total")
    return replace(series, t=done, axis=Axis(name), work={}, start=None, restarts=at, origin_assumed=False)
