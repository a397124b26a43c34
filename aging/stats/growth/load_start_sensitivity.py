"""Sensitivity to the start of load: how much earlier may it lie without another decision on growth?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from aging.stats.growth.sustained import Decision, assess_growth
from aging.stats.series.validation import as_series

_EARLIER = (0.05, 0.1, 0.2, 0.5, 1.0)

_BISECTIONS = 4

Answer = Literal["sustained", "decelerating", "other"]


@dataclass(frozen=True, slots=True)
class OriginRange:
    """How far the start of load may lie before the one assumed, in seconds.

    ``answer`` is the decision at the assumed start, and ``holds`` the earliest other
    start tried up to which all decisions are the same. ``fails`` is the next one
    tried and ``then`` its decision; both are None where all are the same.
    """

    answer: Answer
    holds: float
    fails: float | None
    then: Answer | None


def origin_range(t: ArrayLike, y: ArrayLike) -> OriginRange:
    """Repeat the decision whether ``y`` at ``t`` (seconds since the assumed start of load) grows, for earlier starts.

    Both have shape (n,). Starts 5, 10, 20, 50 and 100 % of the window earlier are
    tried, in turn, until one gives another answer: whether growth is sustained is
    judged against the time since load began, and a recording that begins late
    makes the logarithm of a high-water mark look like a line. Raises
    :class:`~aging.stats.SeriesError`.
    """
    times, values = as_series(t, y, least=2)
    window = float(times[-1] - times[0])
    answer, holds = _answer(assess_growth(times, values, brief=True, rate=False).decision), 0.0
    for earlier in np.array(_EARLIER) * window:
        then = _answer(assess_growth(times + earlier, values, brief=True, rate=False).decision)
        if then != answer:
            return OriginRange(answer, holds, float(earlier), then)
        holds = float(earlier)
    return OriginRange(answer, holds, None, None)


def sustained_until(t: ArrayLike, y: ArrayLike, possible: float, resolution: float = 0.0) -> float | None:
    """How long before the first sample's origin load may have begun for the growth of ``y`` to be sustained.

    ``t`` are seconds since the latest start of load, ``possible`` is how many seconds before that the earliest one
    lies. Starts in between are tried, each half as early as the one before, and between the last two. None where the
    growth is sustained from none of them. Raises :class:`~aging.stats.SeriesError`.
    """
    times, values = as_series(t, y, least=2)

    def sustained(earlier: float) -> bool:
        return assess_growth(times + earlier, values, resolution, brief=True, rate=False).decision == "sustained"

    window = float(times[-1] - times[0])
    fails, holds = possible, possible
    while not sustained(holds):
        if holds == 0:
            return None
        fails, holds = holds, holds / 2 if holds > _EARLIER[0] * window else 0.0
    for _ in range(_BISECTIONS if holds < fails else 0):
        middle = (holds + fails) / 2
        holds, fails = (middle, fails) if sustained(middle) else (holds, middle)
    return holds


def earliest_start(t: ArrayLike, y: ArrayLike) -> float:
    """How many seconds before ``t[0]`` the growth of ``y`` began at the earliest, if it never accelerated.

    It had then grown by at least its present rate times that time, and by no more than its level. The rate is that
    between the medians of the first and the last third. Infinite without growth.
    """
    times, values = as_series(t, y, least=3)
    third = times.size // 3
    rise = float(np.median(values[-third:]) - np.median(values[:third]))
    first = float(np.median(times[:third]))
    span = float(np.median(times[-third:])) - first
    level = float(np.median(values[:third]))
    if not (rise > 0 and span > 0 and level >= 0):
        return np.inf
    return max(level * span / rise - (first - float(times[0])), 0.0)


def _answer(decision: Decision) -> Answer:
    return decision if decision in ("sustained", "decelerating") else "other"
