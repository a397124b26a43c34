"""Sensitivity to the start of load: how much earlier may it lie without another decision on growth?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from aging.stats.growth.sustained import Decision, assess_growth
from aging.stats.series.validation import as_series

_EARLIER = (0.05, 0.1, 0.2, 0.5, 1.0)

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
    answer, holds = _answer(assess_growth(times, values, brief=True).decision), 0.0
    for earlier in np.array(_EARLIER) * window:
        then = _answer(assess_growth(times + earlier, values, brief=True).decision)
        if then != answer:
            return OriginRange(answer, holds, float(earlier), then)
        holds = float(earlier)
    return OriginRange(answer, holds, None, None)


def _answer(decision: Decision) -> Answer:
    return decision if decision in ("sustained", "decelerating") else "other"
