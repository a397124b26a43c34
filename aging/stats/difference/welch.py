"""The difference of two independent estimates, by Welch and Satterthwaite."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtr, stdtr

from aging.stats.difference.uncertain import CONFIDENCE, Uncertain, quantile


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference with its 95 % limits, the two-sided p of "no difference" and the degrees of freedom of that side.

    A limit is infinite where the data do not bound it.
    """

    value: float
    low: float
    high: float
    p: float
    freedom: float

    @property
    def bounded(self) -> bool:
        """Whether the data bound it on a side."""
        return math.isfinite(self.low) or math.isfinite(self.high)


def difference(first: Uncertain, second: Uncertain) -> Difference:
    """Return ``second`` less ``first``, two independent estimates.

    Variances add up; their degrees of freedom are Satterthwaite's (1946), as in Welch's test (1947). Each limit takes
    the errors of its side (Zou and Donner 2008), so that an asymmetric interval stays so. p is below 0.05 exactly where
    the interval does not hold 0.
    """
    value = second.value - first.value
    down, down_freedom = _together(second.below, second.freedom, first.above, first.freedom)
    up, up_freedom = _together(second.above, second.freedom, first.below, first.freedom)
    error, freedom = (down, down_freedom) if value > 0 else (up, up_freedom)
    return Difference(
        value,
        value - quantile(down_freedom, CONFIDENCE) * down,
        value + quantile(up_freedom, CONFIDENCE) * up,
        _two_sided(value, error, freedom),
        freedom,
    )


def itself(found: Uncertain) -> Difference:
    """The difference that was estimated as one, of values that were paired."""
    low, high = found.limits()
    error = found.below if found.value > 0 else found.above
    return Difference(found.value, low, high, _two_sided(found.value, error, found.freedom), found.freedom)


def _two_sided(value: float, error: float, freedom: float) -> float:
    if value == 0:
        return 1.0
    if error == 0:
        return 0.0
    t = -abs(value) / error
    return float(2 * (stdtr(freedom, t) if math.isfinite(freedom) else ndtr(t)))


def _together(one: float, one_freedom: float, other: float, other_freedom: float) -> tuple[float, float]:
    """The error of a sum of two independent parts, and its degrees of freedom."""
    if not (math.isfinite(one) and math.isfinite(other)):
        return math.inf, min(one_freedom, other_freedom)
    error = math.hypot(one, other)
    if error == 0:
        return 0.0, math.inf
    shares = ((one / error) ** 4 / one_freedom, (other / error) ** 4 / other_freedom)
    spent = math.fsum(shares)
    return error, 1 / spent if spent > 0 else math.inf
