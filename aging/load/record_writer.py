"""Writes request records: those that cannot be written wait in memory, and those lost are counted."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from aging.store.segments import SegmentWriter

_MOST_WAITING = 100_000
"""Some 60 MB; a campaign whose disk is full ends within a minute."""


class Records:
    """Writes rows in their order. ``full`` is called once with the reason why they cannot be written, when they cannot.

    ``dropped`` counts the oldest rows, which give way when too many wait.
    """

    def __init__(self, writer: SegmentWriter, full: Callable[[str], None]) -> None:
        self.dropped = 0
        self._writer = writer
        self._full = full
        self._told = False
        self._waiting: deque[dict[str, Any]] = deque(maxlen=_MOST_WAITING)

    def write(self, row: dict[str, Any]) -> None:
        """Write the rows that have waited, and this one."""
        try:
            while self._waiting:
                self._writer.append(time.time(), [self._waiting[0]])
                self._waiting.popleft()
            self._writer.append(time.time(), [row])
        except OSError as error:
            self.dropped += len(self._waiting) == self._waiting.maxlen
            self._waiting.append(row)
            if not self._told:
                self._told = True
                self._full(str(error))

    def close(self) -> int:
        """Close the file; how many rows were never written, those dropped among them."""
        left = len(self._waiting)
        if left:
            try:
                self._writer.append(time.time(), list(self._waiting))
            except OSError:
                self._writer.close()
                return self.dropped + left
        self._writer.close()
        return self.dropped
