"""The counts of work that lie beside a table's column: requests and tokens until each of its times."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

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
    all finite, that never fall and do rise. The first such column of each kind is taken.
    """
    work: dict[str, Floats] = {}
    for kind, pattern in _NAMES.items():
        for name in table:
            if str(name) == column or not pattern.fullmatch(str(name).strip().lower()):
                continue
            counted = _count(np.asarray(table[name])[rows])
            if counted is not None:
                work[kind] = counted
                break
    return work


def _count(values: NDArray[Any]) -> Floats | None:
    if values.dtype.kind not in "iuf" or values.size < 2:
        return None
    counted = values.astype(np.float64)
    steps = np.diff(counted)
    return counted if bool(np.all(np.isfinite(counted)) and np.all(steps >= 0) and np.any(steps > 0)) else None
