"""What the samplers read of one server of late, and at the start of each of its generations."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from statistics import median

from aging.core.metrics import PRIMARY

RECENT_SECONDS = 30.0
DEVICE_MEMORY = "device_process_memory_bytes"
DEVICE_LIMIT = "device_process_memory_limit_bytes"
"""What its processes hold, and the free memory of their devices."""

_FIRST = _LAST = 5
"""Readings that are the level at the start, and now. More of them would lag behind a fast leak, or reach back before
the last action.
"""

_ALWAYS = (PRIMARY, DEVICE_MEMORY, DEVICE_LIMIT)


class Levels:
    """Readings of the ``indicators``, and of memory, of one server."""

    def __init__(self, indicators: Iterable[str] = ()) -> None:
        self.indicators = tuple(dict.fromkeys((*_ALWAYS, *indicators)))
        self._first: defaultdict[tuple[int, str], list[float]] = defaultdict(list)
        self._recent: defaultdict[tuple[int, str], deque[tuple[float, float]]] = defaultdict(deque)

    def see(self, generation: int, values: Mapping[str, float]) -> None:
        """Take a reading."""
        now = time.monotonic()
        for indicator in self.indicators:
            if (value := values.get(indicator)) is None:
                continue
            key = generation, indicator
            if len(self._first[key]) < _FIRST:
                self._first[key].append(value)
            recent = self._recent[key]
            recent.append((now, value))
            while recent[0][0] < now - RECENT_SECONDS:
                recent.popleft()

    def at_start(self, generation: int, indicator: str) -> float | None:
        """The median of the first readings of a generation; None without any."""
        first = self._first.get((generation, indicator))
        return median(first) if first else None

    def since(self, generation: int, indicator: str, start: float) -> tuple[float | None, int]:
        """The median of the readings of the last half minute from monotonic time ``start`` on, and their number."""
        recent = [value for at, value in self._recent.get((generation, indicator), ()) if at >= start]
        return (median(recent) if recent else None), len(recent)

    def now(self, generation: int, indicator: str) -> float | None:
        """The median of the last readings of the last half minute; None without any."""
        begin = time.monotonic() - RECENT_SECONDS
        recent = [value for at, value in self._recent.get((generation, indicator), ()) if at >= begin]
        return median(recent[-_LAST:]) if recent else None

    def forget(self, generation: int) -> None:
        """Drop the readings of generations before this one."""
        for readings in (self._first, self._recent):
            for key in [key for key in readings if key[0] < generation]:
                del readings[key]
