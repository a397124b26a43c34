"""Whether the load of a server is low now, compared with the day before."""

from __future__ import annotations

from statistics import median

_MINUTE = 60.0
_DAY_MINUTES = 1440
_RECENT = 5
"""Minutes whose mean is the load now."""
_FRESH_SECONDS = 120.0


class LoadHistory:
    """The load of each minute of the last 24 hours. A counter is taken as a rate.

    Times are UNIX seconds, so that the history outlasts a generation.
    """

    def __init__(self, *, counter: bool) -> None:
        self._counter = counter
        self._before: tuple[float, float] | None = None
        self._minutes: dict[int, tuple[float, int]] = {}
        self._last: float | None = None

    def see(self, wall: float, value: float) -> None:
        """Take a reading."""
        if self._counter:
            before, self._before = self._before, (wall, value)
            if before is None or value < before[1] or wall <= before[0]:  # the first one, or of a new process
                return
            value = (value - before[1]) / (wall - before[0])
        self._last = wall
        minute = int(wall // _MINUTE)
        total, count = self._minutes.get(minute, (0.0, 0))
        self._minutes[minute] = (total + value, count + 1)
        if not count:
            for old in [one for one in self._minutes if one <= minute - _DAY_MINUTES]:
                del self._minutes[old]

    @property
    def hours(self) -> float:
        """How much of the last day is known, in hours."""
        return len(self._minutes) / 60

    def now(self, wall: float) -> float | None:
        """The mean of the last five minutes; None where there are no readings of them."""
        if self._last is None or wall - self._last > _FRESH_SECONDS:
            return None
        minute = int(wall // _MINUTE)
        kept = [self._minutes[one] for one in range(minute - _RECENT + 1, minute + 1) if one in self._minutes]
        count = sum(one for _, one in kept)
        return sum(total for total, _ in kept) / count if count else None

    def usual(self) -> float | None:
        """The median of the minutes of the last day; None where none is known."""
        return median(total / count for total, count in self._minutes.values()) if self._minutes else None
