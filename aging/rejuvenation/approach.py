"""How soon an indicator reaches its limit if its last readings go on: for leaks too fast for any test of a trend."""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise

_QUARTERS = 4
_POINTS = 16
"""Most readings of a quarter."""
_LEAST_QUARTER = 0.25
_GOES_ON = 0.75


class Approach:
    """The last readings over ``span`` seconds, thinned to 64, and what they say of the way to a limit.

    Growth goes on if, of a window of four equally long quarters that ends now, each grew by at least a quarter of the
    mean, and the last by at least 3/4 of the first. It is extrapolated at the rate of the last quarter, and no farther
    than it was seen: by no more than the window rose above all that was before it. So neither a spike, a single step, a
    warm-up that slows down, nor a sawtooth with earlier teeth is on its way to a limit.
    """

    def __init__(self, span: float) -> None:
        self._gap = span / (_QUARTERS * _POINTS)
        self._kept: deque[tuple[float, float]] = deque(maxlen=_QUARTERS * _POINTS + 1)
        self._peak = -math.inf
        self._last: tuple[float, float] | None = None

    def see(self, age: float, value: float) -> None:
        """Take a reading."""
        self._last = (age, value)
        if self._kept and age < self._kept[-1][0] + self._gap:
            return
        if len(self._kept) == self._kept.maxlen:
            self._peak = max(self._peak, self._kept[0][1])
        self._kept.append((age, value))

    def seconds_left(self, limit: float) -> float:
        """Seconds until the last readings, extrapolated, reach ``limit``; infinite where they do not go on rising."""
        if self._last is None:
            return math.inf
        age, level = self._last
        left = limit - level
        if left <= 0:
            return 0.0
        if level - self._peak < left:  # the usual case, without a look at the points
            return math.inf
        points = [*self._kept] if self._kept[-1][0] == age else [*self._kept, self._last]
        soonest = math.inf
        for count in range(1, (len(points) - 1) // _QUARTERS + 1):
            begin = len(points) - 1 - _QUARTERS * count
            highest = max(value for _, value in points[: begin + 1])
            if level - max(highest, self._peak) < left:
                continue
            ends = [points[begin + count * quarter] for quarter in range(_QUARTERS + 1)]
            soonest = min(soonest, _extrapolated(ends, left))
        return soonest


def _extrapolated(ends: list[tuple[float, float]], left: float) -> float:
    """Seconds until the growth between ``ends`` of quarters makes ``left``; infinite where it does not go on."""
    rates = [(after[1] - before[1]) / (after[0] - before[0]) for before, after in pairwise(ends)]
    mean = (ends[-1][1] - ends[0][1]) / (ends[-1][0] - ends[0][0])
    if min(rates) < _LEAST_QUARTER * mean or rates[-1] < _GOES_ON * rates[0]:
        return math.inf
    return left / rates[-1] if rates[-1] > 0 else math.inf
