"""A decision on how much faster a server grows than its stored baseline."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from scipy.special import stdtrit

from aging.check.stored_rate import StoredRate
from aging.stats.noise.har_variance import COSINES
from aging.stats.note import Note
from aging.stats.rate_test import Design, RateDecision
from aging.stats.rate_test.spending import level_at

_UNCERTAIN = Note(
    "baseline_uncertain", "The rate of the stored baseline is too uncertain to tell the difference from the limit."
)


def against(decide: Callable[[Design], RateDecision], baseline: StoredRate, design: Design, look: int) -> RateDecision:
    """The decision on a rate less that of a baseline, both per unit of the axis; ``decide`` judges the rate by itself.

    The limit is raised by the baseline's rate (never lowered: a baseline that falls counts as 0). Two independent
    measurements: the squares of their margins add up, each at the level of this look; the upper bound is no less than
    the difference that would have been seen. Where the sum of both does not decide as ``decide`` does, it is undecided.
    """
    own = max(baseline.rate, 0.0)
    found = decide(replace(design, limit=design.limit + own))
    if found.rate is None or found.low is None or found.high is None:
        return found
    low_level, high_level = (level_at(design.looks, look, error) for error in (design.alpha, design.beta))
    low = found.rate - own - math.hypot(found.rate - found.low, margin(baseline, low_level))
    of_baseline = margin(baseline, high_level)
    detectable = max(found.detectable or 0.0, of_baseline)
    high = max(found.rate - own + math.hypot(found.high - found.rate, of_baseline), detectable)
    holds = {"above": low > design.limit, "below": high < design.limit, "undecided": True}[found.outcome]
    return replace(
        found,
        outcome=found.outcome if holds else "undecided",
        rate=found.rate - own,
        low=low,
        high=high,
        detectable=detectable,
        notes=found.notes if holds else (_UNCERTAIN,),
    )


def margin(baseline: StoredRate, level: float) -> float:
    """How far a stored rate may be from its estimate, on either side, but for a probability ``level``.

    The bounds are those of one t distribution, so that their distance at another level is known; a bound that is set by
    what would have been seen gets no nearer.
    """
    below = (baseline.rate - baseline.low) * _widened(level, baseline.alpha)
    return max(below, (baseline.high - baseline.rate) * max(_widened(level, baseline.beta), 1.0))


def _widened(level: float, stored_level: float) -> float:
    """How many times wider a margin is at ``level`` than at the one that it is stored with."""
    return float(stdtrit(COSINES, 1 - level) / stdtrit(COSINES, 1 - stored_level))
