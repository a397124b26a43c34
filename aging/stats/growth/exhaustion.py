"""Time until the growth of an indicator reaches its limit."""

from __future__ import annotations

import math
from dataclasses import dataclass

from aging.stats.series.validation import SeriesError


@dataclass(frozen=True, slots=True)
class Exhaustion:
    """Seconds until the limit is reached, with the earliest and latest that the slope's interval allows.

    Infinite where the limit is not approached; 0 where it is reached already.
    """

    seconds: float
    earliest: float
    latest: float


def time_to_exhaustion(level: float, limit: float, slope: float, low: float, high: float) -> Exhaustion:
    """Return (``limit`` - ``level``) / ``slope`` with ``low`` and ``high``, the limits of the slope, in its place.

    ``level`` and ``limit`` in the indicator's unit, the slopes in that unit per
    second. It presumes growth at a constant rate. Raises
    :class:`~aging.stats.SeriesError` for NaN or limits that do not bound the slope.

    >>> time_to_exhaustion(16, 64, slope=2.0, low=1.6, high=2.4)
    Exhaustion(seconds=24.0, earliest=20.0, latest=30.0)
    """
    if not (low <= slope <= high and math.isfinite(level) and math.isfinite(limit)):
        raise SeriesError(f"low <= slope <= high and finite level and limit are needed, not {low}, {slope}, {high}")
    left = max(limit - level, 0.0)
    return Exhaustion(_reached(left, slope), _reached(left, high), _reached(left, low))


def _reached(left: float, slope: float) -> float:
    if left == 0:
        return 0.0
    return left / slope if slope > 0 else math.inf
