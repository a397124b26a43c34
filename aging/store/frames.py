"""A cache of frames: an analysis reads the same folder several times."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import pandas as pd

CAPACITY_BYTES = 256 * 2**20
"""Holds all rows of a one-hour campaign, or one or two runs of nine days at 1 Hz (155 MB per million rows of 20
columns): each run is read once, and memory stays bounded."""


@dataclass(frozen=True, slots=True)
class _Held:
    frame: pd.DataFrame
    columns: frozenset[str] | None
    size: int

    def has(self, columns: Sequence[str] | None) -> bool:
        return self.columns is None or (columns is not None and self.columns.issuperset(columns))


class Frames:
    """The most recently used frames, by key, with the requested columns."""

    def __init__(self, capacity: int = CAPACITY_BYTES) -> None:
        self._capacity = capacity
        self._held: OrderedDict[Hashable, _Held] = OrderedDict()
        self._size = 0

    def get(self, key: Hashable, columns: Sequence[str] | None) -> pd.DataFrame | None:
        """The frame with those of these columns that exist; None if it is not held, or held without some of them.

        The caller may modify it: pandas copies on write.
        """
        held = self._held.get(key)
        if held is None or not held.has(columns):
            return None
        self._held.move_to_end(key)
        return _only(held.frame, columns)

    def put(self, key: Hashable, columns: Sequence[str] | None, frame: pd.DataFrame) -> None:
        """Hold a frame that was read with these columns, unless it exceeds the capacity."""
        before = self._held.pop(key, None)
        self._size -= before.size if before is not None else 0
        size = int(frame.memory_usage(index=False).sum())
        if size > self._capacity:
            return
        self._held[key] = _Held(frame, None if columns is None else frozenset(columns), size)
        self._size += size
        while self._size > self._capacity:
            _, evicted = self._held.popitem(last=False)
            self._size -= evicted.size


def _only(frame: pd.DataFrame, columns: Sequence[str] | None) -> pd.DataFrame:
    if columns is None:
        return frame.copy(deep=False)
    return frame[[name for name in frame.columns if name in columns]]
