"""Request records on their way to the disk: what there is no room for waits in memory, and is told."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from aging.store.segments import SegmentWriter

_MOST_WAITING = 100_000
"""Some 60 MB; a campaign whose disk is full ends within a minute."""


class Records:
    """Writes rows in their order. ``full`` is told once why they cannot be written, when they cannot."""

    def __init__(self, writer: SegmentWriter, full: Callable[[str], None]) -> None:
        self._writer = writer
        self._full = full
        self._told = False
        self._waiting: deque[dict[str, Any]] = deque(maxlen=_MOST_WAITING)

    def write(self, row: dict[str, Any]) -> None:
        """Write a row, and those that have waited."""
        self._waiting.append(row)
        try:
            while self._waiting:
                self._writer.append(time.time(), [self._waiting[0]])
                self._waiting.popleft()
        except OSError as error:
            if not self._told:
                self._told = True
                self._full(str(error))

    def close(self) -> int:
        """Close the file; how many rows could not be written."""
        left = len(self._waiting)
        if left:
            try:
                self._writer.append(time.time(), list(self._waiting))
            except OSError:
                self._writer.close()
                return left
        self._writer.close()
        return 0
