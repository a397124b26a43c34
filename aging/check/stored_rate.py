"""The present rate of a stored baseline, and a decision on what a server grows faster than it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aging.findings.gate import Quantity
from aging.stats.note import Note

if TYPE_CHECKING:
    from aging.stats.rate_test import Design, RateDecision

_HOUR = 3600.0

_UNCERTAIN = Note(
    "baseline_uncertain", "The rate of the stored baseline is too uncertain to tell the difference from the limit."
)


@dataclass(frozen=True, slots=True)
class StoredRate:
    """The present rate of one indicator of a baseline, per request or per hour (``quantity``), in its unit.

    ``low`` is missed with probability ``alpha``, ``high`` with ``beta``; ``high`` is no less than what would have been
    seen.
    """

    deployment: str
    indicator: str
    quantity: Quantity
    rate: float
    low: float
    high: float
    alpha: float
    beta: float

    def of(self, deployment: str, indicator: str, quantity: Quantity) -> bool:
        """Whether it is the rate of this."""
        return (self.deployment, self.indicator, self.quantity) == (deployment, indicator, quantity)

    @property
    def on_axis(self) -> StoredRate:
        """The same per request, or per second."""
        part = 1.0 if self.quantity == "per_request" else _HOUR
        return replace(self, rate=self.rate / part, low=self.low / part, high=self.high / part)

    def margin(self, level: float) -> float:
        """How far the rate may be from its estimate, on either side, but for a probability ``level``.

        The bounds are those of one t distribution, so that their distance at another level is known; a bound that is
        set by what would have been seen gets no nearer.
        """
        below = (self.rate - self.low) * _widened(level, self.alpha)
        return max(below, (self.high - self.rate) * max(_widened(level, self.beta), 1.0))


def against(decide: Callable[[Design], RateDecision], baseline: StoredRate, design: Design, look: int) -> RateDecision:
    """The decision on a rate less that of a baseline, both per unit of the axis; ``decide`` judges the rate by itself.

    The limit is raised by the baseline's rate (never lowered: a baseline that falls counts as 0). Two independent
    measurements: the squares of their margins add up, each at the level of this look. Where the sum of both does not
    decide as ``decide`` does, it is undecided.
    """
    from aging.stats.rate_test.spending import level_at  # noqa: PLC0415 - scipy, where it is judged

    own = max(baseline.rate, 0.0)
    found = decide(replace(design, limit=design.limit + own))
    if found.rate is None or found.low is None or found.high is None:
        return found
    low_level, high_level = (level_at(design.looks, look, error) for error in (design.alpha, design.beta))
    low = found.rate - own - math.hypot(found.rate - found.low, baseline.margin(low_level))
    high = found.rate - own + math.hypot(found.high - found.rate, baseline.margin(high_level))
    holds = {"above": low > design.limit, "below": high < design.limit, "undecided": True}[found.outcome]
    return replace(
        found,
        outcome=found.outcome if holds else "undecided",
        rate=found.rate - own,
        low=low,
        high=high,
        detectable=max(found.detectable or 0.0, baseline.margin(high_level)),
        futile=found.futile or (not holds and look == len(design.looks)),
        notes=found.notes if holds else (_UNCERTAIN,),
    )


def _widened(level: float, stored_level: float) -> float:
    """How many times wider a margin is at ``level`` than at the one that it is stored with."""
    from scipy.special import stdtrit  # noqa: PLC0415 - where there is a stored baseline

    from aging.stats.noise.har_variance import COSINES  # noqa: PLC0415 - scipy, as above

    return float(stdtrit(COSINES, 1 - level) / stdtrit(COSINES, 1 - stored_level))
