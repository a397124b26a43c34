"""Frames that were read, kept as long as they fit: an analysis asks for the same folder several times."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import pandas as pd

CAPACITY_BYTES = 256 * 2**20
"""Of a campaign of an hour everything; of one of nine days at 1 Hz the rows of one or two runs (155 MB a million rows
of 20 columns), so that what is computed for a run reads it once and memory stays bounded."""


@dataclass(frozen=True, slots=True)
class _Held:
    frame: pd.DataFrame
    columns: frozenset[str] | None
    size: int

    def has(self, columns: Sequence[str] | None) -> bool:
        return self.columns is None or (columns is not None and self.columns.issuperset(columns))


class Frames:
    """The frames used last, by key, with the columns that were asked for; the least recently used are let go."""

    def __init__(self, capacity: int = CAPACITY_BYTES) -> None:
        self._capacity = capacity
        self._held: OrderedDict[Hashable, _Held] = OrderedDict()
        self._size = 0

    def get(self, key: Hashable, columns: Sequence[str] | None) -> pd.DataFrame | None:
        """The frame with these columns, as far as there are such; None where it is not held, or without some of them.

        It is the caller's: pandas copies what is written to.
        """
        held = self._held.get(key)
        if held is None or not held.has(columns):
            return None
        self._held.move_to_end(key)
        return _only(held.frame, columns)

    def put(self, key: Hashable, columns: Sequence[str] | None, frame: pd.DataFrame) -> None:
        """Hold a frame that was read with these columns, unless it alone is over the capacity."""
        before = self._held.pop(key, None)
        self._size -= before.size if before is not None else 0
        size = int(frame.memory_usage(index=False).sum())
        if size > self._capacity:
            return
        self._held[key] = _Held(frame, None if columns is None else frozenset(columns), size)
        self._size += size
        while self._size > self._capacity:
            _, let_go = self._held.popitem(last=False)
            self._size -= let_go.size


def _only(frame: pd.DataFrame, columns: Sequence[str] | None) -> pd.DataFrame:
    if columns is None:
        return frame.copy(deep=False)
    return frame[[name for name in frame.columns if name in columns]]
