"""Above, below or undecided: one look at one series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from aging.stats.growth.sustained import Decision, Growth, assess_growth
from aging.stats.note import Note
from aging.stats.rate_test.design import GREEN_AFTER, RED_AFTER, Design
from aging.stats.rate_test.observation import NothingSeenError, Observation, observed
from aging.stats.rate_test.prediction import predict
from aging.stats.rate_test.present import least_rate_at
from aging.stats.rate_test.spending import level_at
from aging.stats.series.validation import SeriesError

Outcome = Literal["above", "below", "undecided"]

_HOPELESS = 0.02
_HOPELESS_FROM = (0.5, 0.75)
"""Shares of the budget from which the end may be called undecided: for growth that is clear, and for noise."""
_STEADY_FROM = 0.25

_NAMES: Mapping[Decision, str] = {
    "none": "stable",
    "flat": "stable",
    "settled": "bounded",
    "decelerating": "bounded",
    "step": "step",
    "sustained": "aging",
    "undecided": "inconclusive",
}

_AT_LIMIT = Note("at_limit", "The rate is too near to the limit, or too uncertain, to be told from it.")
_GROWTH_OPEN = Note("growth_open", "It grows at more than the limit, but may still be a warm-up or a cache that fills.")
_EARLY = Note("early_growth", "It grows at more than the limit, but for less than the time in which a cache may fill.")
_SOON = Note("too_soon", "It grows at less than the limit, but the load has not run for a tenth of the budget.")
_TOO_FINE = Note("limit_too_fine", "A leak at the limit would not have been seen in this time.")


@dataclass(frozen=True, slots=True)
class RateDecision:
    """The outcome of one look, with the present rate per unit of the axis: a request, or a second.

    ``low`` and ``high`` bound it at this look's levels; ``high`` is never less than ``detectable``, the smallest leak
    that would have been seen. ``growth`` names the growth of the whole series: aging, bounded, step, stable, declining
    or inconclusive. ``futile``: undecided, and almost surely so at the end of the budget. ``longer`` is how many
    seconds more decide with a probability of 80 %, where that can be predicted. ``start`` is where the present rate
    begins, on the axis: what came before is warm-up.
    """

    outcome: Outcome
    rate: float | None = None
    low: float | None = None
    high: float | None = None
    detectable: float | None = None
    growth: str = "inconclusive"
    futile: bool = False
    longer: float | None = None
    notes: tuple[Note, ...] = ()
    start: float | None = None


def decide(  # noqa: PLR0913 - a series, and what is asked of it
    t: ArrayLike, y: ArrayLike, w: ArrayLike | None, design: Design, look: int, *, resolution: float | None = None
) -> RateDecision:
    """Decide on ``y`` at ``t`` seconds since the start of load, by ``w`` cumulative requests; all shape (n,).

    Without ``w`` the rate is per second. ``look``, counted from 1, is one of ``design.looks``: its levels are those of
    :mod:`aging.stats.rate_test.spending`. Above: the lower bound of the present rate exceeds the limit, and the growth
    is sustained by the rules of :mod:`aging.stats.growth.sustained`, has been for 30 % of the budget, and would still
    exceed the limit at its end if it slowed down as fast as the data allow. Below: the upper bound is under the limit,
    after a tenth of the budget.
    ``resolution`` is the smallest change that matters, by default 64 pages of memory that is in whole pages. An
    indicator that ages downwards is passed as ``-y``.

    Raises :class:`~aging.stats.SeriesError` for values that are not finite, shapes that differ, and a look that is not
    one of the design's.
    """
    if not 1 <= look <= len(design.looks):
        raise SeriesError(f"look must lie between 1 and {len(design.looks)}, not {look}")
    try:
        seen = observed(t, y, w, resolution)
    except NothingSeenError as error:
        return RateDecision("undecided", notes=(error.note,))
    growth = assess_growth(seen.x, seen.y, seen.resolution, brief=True, rate=False)
    bounds = _bounds(seen, design, look)
    outcome, note = _outcome(bounds, growth, seen, design, look)
    futile, longer = _outlook(seen, growth, design, look, note) if outcome == "undecided" else (False, None)
    return RateDecision(
        outcome,
        seen.window.rate,
        bounds.low,
        bounds.high,
        bounds.detectable,
        _name(growth, seen, bounds),
        futile,
        longer,
        () if note is None else (note,),
        seen.window.start,
    )


class _Bounds(NamedTuple):
    low: float
    high: float
    detectable: float
    margin: float


def _bounds(seen: Observation, design: Design, look: int) -> _Bounds:
    low = seen.window.rate - seen.window.margin(level_at(design.looks, look, design.alpha, RED_AFTER))
    margin = seen.window.margin(level_at(design.looks, look, design.beta, GREEN_AFTER))
    detectable = max(margin, seen.unseen)
    return _Bounds(low, max(seen.window.rate + margin, detectable), detectable, margin)


def _name(growth: Growth, seen: Observation, bounds: _Bounds) -> str:
    if bounds.low <= 0 and float(np.ptp(seen.y)) <= seen.resolution:
        return "stable"
    return "declining" if seen.window.rate < -bounds.margin else _NAMES[growth.decision]


def _outcome(
    bounds: _Bounds, growth: Growth, seen: Observation, design: Design, look: int
) -> tuple[Outcome, Note | None]:
    share = design.looks[look - 1] / design.budget
    if bounds.high < design.limit:
        return ("below", None) if share >= GREEN_AFTER else ("undecided", _SOON)
    if bounds.low <= design.limit:
        return "undecided", _TOO_FINE if seen.unseen >= design.limit else _AT_LIMIT
    if not growth.sustained:
        return "undecided", _GROWTH_OPEN
    if share < RED_AFTER:
        return "undecided", _EARLY
    end = max(seen.per_second * design.budget, float(seen.x[-1]))
    goes_on = least_rate_at(*seen.floor, seen.window, end) > design.limit
    return ("above", None) if goes_on else ("undecided", _GROWTH_OPEN)


def _outlook(
    seen: Observation, growth: Growth, design: Design, look: int, note: Note | None
) -> tuple[bool, float | None]:
    """Whether the end of the budget will decide nothing, and how many seconds more decide."""
    now = design.looks[look - 1]
    if note is _GROWTH_OPEN:
        return False, None if growth.longer is None else (growth.longer - 1) * now
    predicted = predict(seen, design, now)
    first, last = float(seen.x[0]), float(seen.x[-1])
    steady = seen.window.start <= first + _STEADY_FROM * (last - first)
    clear = seen.window.rate > seen.window.quantile(design.beta) * seen.window.error
    late = now >= _HOPELESS_FROM[0 if clear else 1] * design.budget
    hopeless = late and steady and predicted.probability < _HOPELESS and note not in (_EARLY, _SOON)
    return hopeless or predicted.hidden, predicted.longer
