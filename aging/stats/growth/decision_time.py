"""How much longer a series must be for a verdict, with the probability of one then."""

from __future__ import annotations

import math

from scipy.special import ndtr

PROBABILITY = 0.8
_SHORTEST, _LONGEST = 1.01, 1e4
_HALVINGS = 20


def probability_of_decision(z: float, bound: float, factor: float) -> float:
    """Return how probably |z| exceeds ``bound`` once the series is ``factor`` > 1 times as long as now.

    With a flat prior for what z measures, z then is normal about z sqrt(factor) with variance factor - 1 (predictive
    power: Spiegelhalter, Freedman and Blackburn 1986).
    """
    centre, spread = z * math.sqrt(factor), math.sqrt(factor - 1)
    return float(ndtr((centre - bound) / spread) + ndtr((-centre - bound) / spread))


def longer(z: float, bound: float, probability: float = PROBABILITY) -> float | None:
    """Return how many times as long as now a series decides with that probability; None beyond 10,000 times."""

    def lacking(log_factor: float) -> float:
        return probability_of_decision(z, bound, math.exp(log_factor)) - probability

    first, last = math.log(_SHORTEST), math.log(_LONGEST)
    if lacking(first) >= 0:
        return _SHORTEST
    if lacking(last) < 0:
        return None
    for _ in range(_HALVINGS):
        middle = (first + last) / 2
        first, last = (middle, last) if lacking(middle) < 0 else (first, middle)
    return math.exp(last)
