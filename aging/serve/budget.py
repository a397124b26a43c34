"""When the verdict is computed anew: rarely enough that it takes half a percent of one core."""

from __future__ import annotations

SHARE = 0.005
"""Of one core, on average, that the analyses of a running campaign may take."""

FIRST_COST = 4.0
"""Seconds of CPU that the first analysis is assumed to take; 3 s for four servers and an hour."""

_GROWTH = 1.2
"""The measured time grows by this factor between two analyses: more often they say the same."""


class Budget:
    """Says whether an analysis is due; times in seconds of any monotonic clock."""

    def __init__(self, share: float = SHARE) -> None:
        self._share = share
        self._last: float | None = None
        self._cost = FIRST_COST
        self._measured = 0.0

    def wait(self, now: float, measured: float) -> float:
        """Seconds until the next analysis is due, of a campaign whose longest load has lasted ``measured`` seconds."""
        if self._last is None:
            return self._cost / self._share - measured
        return max(self._cost / self._share - (now - self._last), self._measured * _GROWTH - measured)

    def spent(self, now: float, measured: float, cost: float) -> None:
        """An analysis that began at ``now`` took ``cost`` seconds of CPU."""
        self._last, self._measured, self._cost = now, measured, max(cost, 0.1)
