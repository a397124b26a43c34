"""How long a measurement must be to decide a limit at given errors, from a pilot of some minutes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from numpy.typing import ArrayLike

from aging.stats.growth.decision_time import PROBABILITY
from aging.stats.growth.sustained import LEAST_GROWTH
from aging.stats.rate_test.observation import UNSEEN, Observation, observed
from aging.stats.series.validation import SeriesError

_HALVINGS = 60
_LONGEST = 1e9


@dataclass(frozen=True, slots=True)
class RequiredTime:
    """``seconds`` of load, warm-up included, that decide with a probability of 80 %.

    Of a server that does not grow, and of one that leaks twice the limit: the longer of both. ``noise``, ``unseen`` and
    ``warm_up`` are what they are made of: the time after the warm-up that the noise asks for, and that the growth that
    may be hidden asks for, of which the longer counts. Infinite where no time decides it: the server grows so much
    faster than the limit that the error of its rate stays above it.
    """

    seconds: float
    noise: float
    unseen: float
    warm_up: float


def required_seconds(  # noqa: PLR0913 - a pilot, and what is asked of it
    t: ArrayLike,
    y: ArrayLike,
    w: ArrayLike | None,
    limit: float,
    *,
    alpha: float = 0.01,
    beta: float = 0.05,
    requests_per_second: float | None = None,
    resolution: float | None = None,
) -> RequiredTime:
    """Return the time that ``limit`` needs at errors ``alpha`` and ``beta``, from a pilot ``y`` at ``t`` by work ``w``.

    All shape (n,), n >= 20, as of :func:`~aging.stats.rate_test.decide`; some two minutes are enough.
    ``requests_per_second`` is the load of the run that is planned, by default the pilot's. Raises
    :class:`~aging.stats.SeriesError` for a pilot that is too short or never moved at an unknown resolution.
    """
    if not (math.isfinite(limit) and limit > 0):
        raise SeriesError(f"limit must be a positive number, not {limit}")
    pilot = observed(t, y, w, resolution)
    pace = _pace(pilot, w, requests_per_second)
    unseen = _span_for_growth(pilot) / limit
    noise = _span_for_noise(pilot, limit, alpha, beta)
    warm_up = pilot.window.start / pilot.per_second
    return RequiredTime(warm_up + max(unseen, noise) / pace, noise / pace, unseen / pace, warm_up)


def least_limit(  # noqa: PLR0913 - a pilot, and what is asked of it
    t: ArrayLike,
    y: ArrayLike,
    w: ArrayLike | None,
    budget: float,
    *,
    alpha: float = 0.01,
    beta: float = 0.05,
    requests_per_second: float | None = None,
    resolution: float | None = None,
) -> float:
    """Return the least limit, per unit of the axis, that ``budget`` seconds of load decide; as required_seconds.

    Infinite where the budget is no longer than the warm-up of the pilot.
    """
    pilot = observed(t, y, w, resolution)
    span = (budget - pilot.window.start / pilot.per_second) * _pace(pilot, w, requests_per_second)
    if span <= 0:
        return math.inf
    return max(_span_for_growth(pilot) / span, pilot.window.error_at(span) * _quantiles(pilot, alpha, beta))


def _pace(pilot: Observation, w: ArrayLike | None, requests_per_second: float | None) -> float:
    if w is None or requests_per_second is None:
        return pilot.per_second
    if not requests_per_second > 0:
        raise SeriesError(f"requests_per_second must be positive, not {requests_per_second}")
    return requests_per_second


def _span_for_growth(pilot: Observation) -> float:
    """The growth that a clean server at the limit must not hide, and a leak at twice the limit must have shown."""
    return max(UNSEEN, LEAST_GROWTH / 2) * pilot.resolution


def _quantiles(pilot: Observation, alpha: float, beta: float) -> float:
    """How many errors there must be between the limit and either rate."""
    return pilot.window.quantile(min(alpha, beta)) + pilot.window.quantile(1 - PROBABILITY)


def _span_for_noise(pilot: Observation, limit: float, alpha: float, beta: float) -> float:
    needed = limit / _quantiles(pilot, alpha, beta)
    low, high = 1e-9 * pilot.window.span, _LONGEST * pilot.window.span
    if pilot.window.error_at(high) > needed:
        return math.inf
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if pilot.window.error_at(middle) > needed else (low, middle)
    return high
