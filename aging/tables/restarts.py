"""Restarts that a table shows: another process id, pod or boot of the host, an uptime or a counter that falls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aging.tables.labels import codes_of
from aging.tables.names import bare, words
from aging.tables.series import Floats
from aging.tables.table import Column

SUCCESSORS = frozenset(("pid", "pod", "container", "container_id", "process", "worker", "replica", "instance", "uuid"))
"""Names whose value changes when one process takes the place of another."""

_STARTS = frozenset(
    ("process_start_time_seconds", "start_time", "started_at", "starttime", "create_time", "boot", "boot_id")
)
_FELL_TO = 0.5
"""A counter that falls to less than this of itself was reset; a smaller fall is a fault of the measurement."""


def restarts_of(
    columns: Mapping[str, Column], counters: Mapping[str, Floats], rows: Any, t: Floats, labels: Sequence[str]
) -> tuple[float, ...] | None:
    """The values of ``t``, shape (n,) for ``rows``, from which on another process was measured.

    ``counters`` are the cumulative counts among the ``columns``; ``labels`` those whose values tell series apart.
    None where no column could show a restart.
    """
    order = np.argsort(t, kind="stable")
    order = order[np.isfinite(t[order])]
    changed, shown = np.zeros(max(order.size - 1, 0), dtype=bool), False
    for name, column in columns.items():
        moves = None if name in labels else _changes(name, np.asarray(column)[rows][order])
        if moves is not None:
            changed, shown = changed | moves, True
    for values in counters.values():
        moves = _resets(values[rows][order])
        changed, shown = changed | moves, shown or bool(moves.any())
    return tuple(t[order][1:][changed].tolist()) if shown else None


def _changes(name: str, column: Column) -> NDArray[np.bool_] | None:
    """Where an identity changes or an uptime falls; None of any other column."""
    plain = bare(name)
    if plain in SUCCESSORS or plain in _STARTS:
        codes, values = codes_of(column)
        known = codes >= 0
        if not known.all() or len(values) > max(column.size // 2, 1):
            return None
        return np.asarray(np.diff(codes) != 0)
    if "uptime" in words(name) and column.dtype.kind in "iuf":
        fell: NDArray[np.bool_] = np.diff(column.astype(np.float64)) < 0
        return fell
    return None


def _resets(values: Floats) -> NDArray[np.bool_]:
    fell: NDArray[np.bool_] = values[1:] < _FELL_TO * values[:-1]
    return fell
