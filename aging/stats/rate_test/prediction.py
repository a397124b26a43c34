"""Whether the end of the budget will decide what is undecided now, and when a decision is likely."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy.special import ndtr

from aging.stats.growth.decision_time import PROBABILITY
from aging.stats.rate_test.design import GREEN_AFTER, RED_AFTER, Design
from aging.stats.rate_test.observation import UNSEEN, Observation
from aging.stats.rate_test.spending import level_at

_LONGEST = 64.0
_HALVINGS = 24


@dataclass(frozen=True, slots=True)
class Prediction:
    """``probability`` of a decision at the end of the budget; ``longer`` as many seconds more give one of 80 %.

    ``hidden``: the budget is too short to see growth at the limit, and what has been seen is less.
    """

    probability: float
    hidden: bool
    longer: float | None


def predict(seen: Observation, design: Design, now: float) -> Prediction:
    """Predict from what was ``seen`` by ``now``, in seconds since the start of load.

    The rate at a later time is normal about the present one with what its error loses until then (predictive power:
    Spiegelhalter, Freedman and Blackburn 1986).
    """
    last = len(design.looks)
    levels = (
        level_at(design.looks, last, design.alpha, RED_AFTER),
        level_at(design.looks, last, design.beta, GREEN_AFTER),
    )

    def probability(seconds: float) -> float:
        return _decided(seen, design.limit, levels, seen.window.span + seen.per_second * seconds)

    at_end = probability(max(design.budget - now, 0.0))
    most = float(seen.x[-1] - seen.x[0]) + seen.per_second * max(design.budget - now, 0.0)
    hidden = UNSEEN * seen.resolution >= design.limit * most and seen.window.rate < design.limit
    return Prediction(at_end, hidden, _longer(probability, now))


def _longer(probability: Callable[[float], float], now: float) -> float | None:
    if probability(_LONGEST * now) < PROBABILITY:
        return None
    low, high = 0.0, _LONGEST * now
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if probability(middle) < PROBABILITY else (low, middle)
    return high


def _decided(seen: Observation, limit: float, levels: tuple[float, float], span: float) -> float:
    window, error = seen.window, seen.window.error_at(span)
    gained = math.sqrt(max(window.error**2 - error**2, (1e-9 * limit) ** 2))
    above, below = (max(window.quantile(level) * error, window.jump / span) for level in levels)
    red = float(ndtr((window.rate - above - limit) / gained))
    hidden = UNSEEN * seen.resolution / span >= limit
    return red + (0.0 if hidden else float(ndtr((limit - below - window.rate) / gained)))
