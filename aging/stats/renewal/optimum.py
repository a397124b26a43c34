"""The age of restart that costs least in the long run.

A cycle ends with a restart at age T, which costs c_r, or with a crash before, which costs c_f. By the renewal reward
theorem the long-run cost per second is the mean cost of a cycle over its mean length (Barlow and Proschan,
*Mathematical Theory of Reliability*, 1965, age replacement; costs of rejuvenation: Huang, Kintala, Kolettis and
Fulton, *Software rejuvenation: analysis, module and applications*, FTCS 1995; in this form Dohi, Goševa-Popstojanova
and Trivedi, PRDC 2000):

    C(T) = (c_r S(T) + c_f (1 - S(T))) / integral of S from 0 to T

Without a restart it is c_f over the mean lifetime. The seconds that a restart itself takes are not in the length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from aging.stats.renewal.survival import Survival
from aging.stats.series.validation import Floats, SeriesError

FLAT = 0.05
"""An age costs as little as the best one where it costs at most this much more, as a share."""

_AROUND = 50.0
_POINTS = 2001
_SAME = 1e-9
"""Relative difference of costs, and of ages in a piece, that is none."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What a planned restart and a crash cost, in any one unit."""

    restart: float
    crash: float

    def __post_init__(self) -> None:
        if not (0 < self.restart < math.inf and 0 < self.crash < math.inf):
            raise SeriesError(f"costs are positive and finite, not {self.restart} and {self.crash}")


@dataclass(frozen=True, slots=True)
class Optimum:
    """The best age of a restart, in ``seconds`` since the generation was ready; infinite: not to restart.

    ``low`` and ``high`` are its 95 % limits, ``cost_rate`` is its long-run cost per second, ``never`` that of running
    to the crash. ``flat`` are the first and the last age around it that cost at most 5 % more. ``crashes`` is the
    share of the generations that crash before it.
    """

    seconds: float
    low: float
    high: float
    cost_rate: float
    never: float
    flat: tuple[float, float]
    crashes: float

    @property
    def pays(self) -> bool:
        """Whether a restart at the best age saves more than 5 % of the cost of running to the crash."""
        return math.isfinite(self.seconds) and self.cost_rate * (1 + FLAT) < self.never

    def between(self, low: float, high: float) -> Optimum:
        """The same optimum with these limits, which are widened to hold it."""
        return replace(self, low=min(low, self.seconds), high=max(high, self.seconds))


def cost_rate(survival: Survival, costs: Costs, ages: Floats) -> Floats:
    """C(T) per second at each of ``ages`` > 0 seconds, in their shape; a restart comes before the failures of its
    age."""
    s = survival.before_age(ages)
    return np.asarray((costs.restart * s + costs.crash * (1 - s)) / survival.served(ages))


def cost_rate_never(survival: Survival, costs: Costs) -> float:
    """The long-run cost per second without restarts: 0 where a generation may never fail."""
    return costs.crash / survival.mean


def optimum(survival: Survival, costs: Costs) -> Optimum:
    """The age that minimizes C, its limits those of a known S: the age itself.

    Infinite where no age costs less than running to the crash: a lifetime without aging (exponential) has none.
    """
    never = cost_rate_never(survival, costs)
    age, least = best_age(survival, costs)
    if math.isinf(age):
        from_ = _first_flat(survival, costs, never)
        return Optimum(age, age, age, never, never, (from_, age), 1 - survival.never)
    share = 1 - float(survival.before_age(np.array([age]))[0])
    return Optimum(age, age, age, least, never, _flat(survival, costs, age, least, never), share)


def best_age(survival: Survival, costs: Costs) -> tuple[float, float]:
    """The age in seconds that minimizes C, and C there; infinite where running to the crash costs no more.

    Exact for this S: it is linear between its ages, and C's minimum in such a piece solves a quadratic equation.
    """
    never = cost_rate_never(survival, costs)
    ages = survival.t[1:]
    if not ages.size:
        return math.inf, never
    there = cost_rate(survival, costs, ages)
    k = int(np.argmin(there))
    inside = np.array([age for cell in (k, k + 1) for age in _stationary(survival, costs, cell)])
    if inside.size:
        ages, there = np.append(ages[k], inside), np.append(there[k], cost_rate(survival, costs, inside))
        k = int(np.argmin(there))
    return (float(ages[k]), float(there[k])) if there[k] < never * (1 - _SAME) else (math.inf, never)


def _stationary(survival: Survival, costs: Costs, cell: int) -> list[float]:
    """The ages strictly between the ``cell``-th age and the next at which C does not change."""
    if cell + 1 >= survival.t.size:
        return []
    start, width = float(survival.t[cell]), float(survival.t[cell + 1] - survival.t[cell])
    s = float(survival.after[cell])
    falls = (float(survival.before[cell + 1]) - s) / width
    served = float(survival.served(np.array([start]))[0])
    cost, rises = costs.crash + (costs.restart - costs.crash) * s, (costs.restart - costs.crash) * falls
    # (cost + rises x) / (served + s x + falls x^2 / 2) does not change where its numerator's derivative is 0.
    roots = np.roots([-rises * falls / 2, -cost * falls, rises * served - cost * s])
    return [start + float(x.real) for x in roots if abs(x.imag) < _SAME * width and 0 < x.real < width]


def _flat(survival: Survival, costs: Costs, age: float, least: float, never: float) -> tuple[float, float]:
    """The ages around the best that cost at most 5 % more."""
    ages = np.unique(np.concatenate((age * np.geomspace(1 / _AROUND, _AROUND, _POINTS), survival.t[1:], [age])))
    cheap = cost_rate(survival, costs, ages) <= least * (1 + FLAT)
    place = int(np.searchsorted(ages, age))
    dear = np.flatnonzero(~cheap)
    below, above = dear[dear < place], dear[dear > place]
    low = ages[below[-1] + 1] if below.size else ages[0]
    if not above.size:
        return float(low), math.inf if never <= least * (1 + FLAT) else float(ages[-1])
    return float(low), float(ages[above[0] - 1])


def _first_flat(survival: Survival, costs: Costs, never: float) -> float:
    """The first age from which a restart costs at most 5 % more than none."""
    ages = survival.t[1:]
    cheap = cost_rate(survival, costs, ages) <= never * (1 + FLAT)
    dear = np.flatnonzero(~cheap)
    place = int(dear[-1]) + 1 if dear.size else 0
    return float(ages[place]) if place < ages.size else math.inf
