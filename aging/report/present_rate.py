"""The present rate of a series, with an interval: for the live view of a process that must do without numpy and scipy.

It is no finding: it knows neither warm-up nor generations, and what will go on is decided by :mod:`aging.stats`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from statistics import median

FEWEST = 6
"""Points of a rate."""

_HALVED_FROM = 20
"""From so many points on the rate is that of their later half."""

_Z = 1.959964
"""Of a normal distribution, for 95 %."""

_MOST_CORRELATED = 0.9


@dataclass(frozen=True, slots=True)
class PresentRate:
    """Per second, with the bounds of its 95 % interval."""

    per_second: float
    low: float
    high: float


def present_rate(points: Sequence[tuple[float, float]]) -> PresentRate | None:
    """Theil and Sen's slope of the later half of the points (seconds, value), in order of time; None for too few.

    The interval is Sen's (1968) from Kendall's variance, which is that of independent values: it is widened by the
    correlation of one residual with the next, as for an autoregression of first order. At most 40 points take 0.2 ms.
    """
    used = points[len(points) // 2 :] if len(points) >= _HALVED_FROM else points
    if len(used) < FEWEST:
        return None
    slopes = sorted((y - before) / (x - earlier) for (earlier, before), (x, y) in combinations(used, 2) if x > earlier)
    if not slopes:
        return None
    slope, count = median(slopes), len(used)
    kendall = count * (count - 1) * (2 * count + 5) / 18
    half = _Z * math.sqrt(kendall * _widening([y - slope * x for x, y in used]))
    low = max(math.floor((len(slopes) - half) / 2), 0)
    high = min(math.ceil((len(slopes) + half) / 2), len(slopes) - 1)
    return PresentRate(slope, slopes[low], slopes[high])


def _widening(residuals: Sequence[float]) -> float:
    """How many times larger the variance is than of independent values."""
    center = median(residuals)
    off = [residual - center for residual in residuals]
    whole = sum(one * one for one in off)
    if whole == 0:
        return 1.0
    correlation = sum(one * following for one, following in pairwise(off)) / whole
    known = min(max(correlation, 0.0), _MOST_CORRELATED)
    return (1 + known) / (1 - known)
