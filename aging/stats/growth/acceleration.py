"""Growth that gets faster: its rate at the end of the series, and the time to a limit if it goes on as it grew."""

from __future__ import annotations

import math
from dataclasses import dataclass

from aging.stats.growth.course import Course
from aging.stats.growth.exhaustion import Exhaustion
from aging.stats.growth.exponent import HIGHEST

_CLEARLY = 1.1


@dataclass(frozen=True, slots=True)
class Acceleration:
    """Growth as time to a power above 1. The rate at its end, in the unit of the series per second, with limits.

    ``powers`` are those of growth at the rate and at its limits; ``end`` is the end in seconds since the start of load.
    """

    rate: float
    low: float
    high: float
    powers: tuple[float, float, float]
    end: float

    def until(self, left: float) -> Exhaustion:
        """Seconds until it has grown by ``left`` more."""
        rates = (self.rate, self.high, self.low)
        powers = (self.powers[0], self.powers[2], self.powers[1])
        return Exhaustion(*(self._time(left, rate, power) for rate, power in zip(rates, powers, strict=True)))

    def _time(self, left: float, rate: float, power: float) -> float:
        return self.end * math.expm1(math.log1p(power * max(left, 0.0) / (rate * self.end)) / power)


def acceleration(course: Course) -> Acceleration | None:
    """The acceleration of a series that clearly grows, with a power clearly above 1; None of any other.

    A power at the end of those that are sought says of growth that it began late, not how it goes on.
    """
    power = course.power
    if power is None or course.low <= 0 or power.low <= _CLEARLY or power.high >= HIGHEST or course.start <= 0:
        return None
    powers = (power.b, power.low, power.high)
    means = (course.rate, course.low, course.high)
    rate, low, high = (_at_end(course, mean, each) for mean, each in zip(means, powers, strict=True))
    return Acceleration(rate, low, high, powers, course.end)


def _at_end(course: Course, mean: float, power: float) -> float:
    """The rate at the end of growth with this mean rate and power."""
    grown = mean * (course.end - course.start)
    return power * grown / (course.end * -math.expm1(power * math.log(course.start / course.end)))
