"""Whether a series reaches its limit within a horizon, and when: from bounds of its growth, not from its verdict.

The law, of a series that grew at a rate between ``low`` and ``high``, as time to a power between p and q:

- Upper bound: growth goes on from ``high`` as time to the power q, at least at a constant rate, and at most at four
  times ``high`` unless the series itself accelerates (p > 1).
- Lower bound: growth goes on from ``low`` as time to the power p, at most at a constant rate; it ends where p is not
  known. Growth that clearly accelerates goes on at no less than its rate at the end.
- ``safe``: neither the upper bound nor twice ``high`` reaches the limit within the horizon. Twice: the rate may double
  at once and stay there, as when the load doubles.
- ``exhausts``: the lower bound reaches the limit within the horizon.

No bound holds for a leak that begins after the series ends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from aging.stats.growth.acceleration import acceleration
from aging.stats.growth.course import Course
from aging.stats.growth.exponent import LOWEST, Exponent
from aging.stats.series.validation import SeriesError

DOUBLED = 2.0
"""How many times the upper limit of the rate a series called safe may grow at from its end on."""

STEEPEST = 4.0
"""How many times that rate growth may rise to that does not show acceleration."""

_LINEAR = 1.0
_NEAR_ZERO = 1e-6
_TRIALS = 80

Answer = Literal["safe", "exhausts", "undecided"]


@dataclass(frozen=True, slots=True)
class Outlook:
    """The answer, with times in seconds from the end of the series; infinite where a bound never reaches the limit.

    ``earliest`` is when the upper bound reaches the limit, of a series that does not exhaust it also at twice the
    rate; ``latest`` when the lower bound does. ``most`` is the most that it grows within the horizon, ``left`` what is
    left to the limit. ``longer`` is how much longer to measure for an answer, None where it is known or not in reach.
    """

    answer: Answer
    earliest: float
    latest: float
    most: float
    left: float
    longer: float | None = None


def outlook(course: Course, limit: float, horizon: float) -> Outlook:
    """Return whether a series reaches ``limit``, in its unit, within ``horizon`` > 0 seconds, by the law above.

    Raises :class:`~aging.stats.SeriesError` for a horizon that is not positive and values that are not finite.
    """
    if not (horizon > 0 and math.isfinite(horizon) and math.isfinite(limit)):
        raise SeriesError(f"a positive horizon and a finite limit are needed, not {horizon} and {limit}")
    found = _answer(course, limit, horizon)
    return found if found.answer != "undecided" else replace(found, longer=_longer(course, limit, horizon))


def _answer(course: Course, limit: float, horizon: float) -> Outlook:
    left = max(limit - course.level, 0.0)
    if left == 0:
        return Outlook("exhausts", 0.0, 0.0, 0.0, 0.0)
    upper, latest = _upper_time(course, left), _lower_time(course, left)
    doubled = min(upper, _linear_time(DOUBLED * course.high, left))
    most = max(_upper_growth(course, horizon), DOUBLED * course.high * horizon)
    if latest <= horizon:
        return Outlook("exhausts", min(upper, latest), latest, most, left)
    return Outlook("undecided" if doubled <= horizon else "safe", doubled, latest, most, left)


def _upper_time(course: Course, left: float) -> float:
    power = course.power
    if power is None:
        return _linear_time(course.high, left)
    by_power = _power_time(course, course.high, max(power.high, _LINEAR), left)
    return by_power if power.low > _LINEAR else max(by_power, _linear_time(STEEPEST * course.high, left))


def _lower_time(course: Course, left: float) -> float:
    if course.power is None or course.power.low <= LOWEST:
        return math.inf
    faster = acceleration(course)
    if faster is not None:
        return _linear_time(faster.low, left)
    return _power_time(course, course.low, min(course.power.low, _LINEAR), left)


def _upper_growth(course: Course, horizon: float) -> float:
    power = course.power
    if power is None:
        return course.high * horizon
    by_power = _power_growth(course, course.high, max(power.high, _LINEAR), horizon)
    return by_power if power.low > _LINEAR else min(by_power, STEEPEST * course.high * horizon)


def _linear_time(rate: float, left: float) -> float:
    return left / rate if rate > 0 else math.inf


def _power_time(course: Course, rate: float, power: float, left: float) -> float:
    """When growth ~ time to the ``power``, of this mean ``rate`` from start to end, comes to ``left``."""
    if rate <= 0:
        return math.inf
    late = left / (rate * (course.end - course.start))
    ratio = course.start / course.end
    if abs(power) < _NEAR_ZERO:
        return course.end * math.expm1(min(-late * math.log(ratio), 700.0))
    reached = 1 + late * (1 - ratio**power)
    if reached <= 0:
        return math.inf
    return course.end * math.expm1(min(math.log(reached) / power, 700.0))


def _power_growth(course: Course, rate: float, power: float, seconds: float) -> float:
    grown = math.expm1(power * math.log1p(seconds / course.end))
    return float(rate * (course.end - course.start) * grown / (1 - (course.start / course.end) ** power))


def _longer(course: Course, limit: float, horizon: float) -> float | None:
    """How many seconds more decide, with limits that narrow as the root of time; None beyond the horizon."""
    for more in np.geomspace(course.span / 100, horizon, _TRIALS):
        if _answer(_later(course, float(more)), limit, horizon).answer != "undecided":
            return float(more)
    return None


def _later(course: Course, more: float) -> Course:
    factor = 1 + more / course.span
    narrower = 1 / math.sqrt(factor)
    end = course.end + more
    return Course(
        level=course.level + max(course.rate, 0.0) * more,
        rate=course.rate,
        low=course.rate - narrower * (course.rate - course.low),
        high=course.rate + narrower * (course.high - course.rate),
        start=end - min(factor * (course.end - course.start), 0.95 * end),
        end=end,
        span=course.span + more,
        power=None if course.power is None else _narrowed(course.power, narrower),
    )


def _narrowed(power: Exponent, by: float) -> Exponent:
    return Exponent(power.b, power.b - by * (power.b - power.low), power.b + by * (power.high - power.b))
