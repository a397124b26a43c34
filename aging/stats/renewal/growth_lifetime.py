"""The survival from growth: a generation fails when its growth reaches the limit, at a rate known with an interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtr, ndtri

from aging.stats.renewal.optimum import Costs, Optimum, optimum
from aging.stats.renewal.survival import Survival
from aging.stats.series.validation import SeriesError

_Z = float(ndtri(0.975))
_FARTHEST, _POINTS = 6.0, 1201
_MOST_LOG, _FARTHEST_LOG = 5.0, 20.0
_CERTAIN = 1e-9
"""Relative width of an interval that is a point."""


@dataclass(frozen=True, slots=True)
class GrowthLifetime:
    """A generation that has served ``lived`` seconds, has ``left`` to its limit and grows at ``rate`` per second.

    ``low`` and ``high`` are the 95 % limits of the rate. Its lifetime is lived + left / rate: what was seen of it is
    certain, only the rest is extrapolated. With ``lived`` = 0 and ``left`` = limit - level at the start it is the
    lifetime of a generation of which nothing else is known. ``spread`` is half the width of the 95 % limits of the
    level at which it fails: the highest peak of its noise is a matter of chance.
    """

    lived: float
    left: float
    rate: float
    low: float
    high: float
    spread: float = 0.0

    def __post_init__(self) -> None:
        if not (self.low <= self.rate <= self.high and self.lived >= 0 and math.isfinite(self.left)):
            raise SeriesError(f"low <= rate <= high are needed, not {self.low}, {self.rate}, {self.high}")

    def survival(self) -> Survival:
        """S from the confidence distribution of the rate, whose median and 95 % limits are those given.

        Where the whole interval is above 0 the logarithm of the rate has two halves of normal distributions, so that
        every generation fails at last. Else the rate itself has, and rates of 0 and below never fail.
        """
        if self.left <= 0:
            return _at(max(self.lived, _CERTAIN))
        z = np.linspace(_FARTHEST, -_FARTHEST, _POINTS)
        if self.low > 0:
            if self.high <= self.low * (1 + _CERTAIN):
                return _at(self.lived + self.left / self.rate)
            wide = np.where(z > 0, math.log(self.high / self.rate), math.log(self.rate / self.low)) / _Z
            rates = self.rate * np.exp(np.clip(wide * z, -_FARTHEST_LOG, _FARTHEST_LOG))
            ends = 0.0
        else:
            wide = np.where(z > 0, self.high - self.rate, self.rate - self.low) / _Z
            rates = self.rate + wide * z
            grows = rates > self.high * _CERTAIN
            z, rates = z[grows], rates[grows]
            ends = float(ndtr(z[-1])) if z.size else 1.0
        if not rates.size:
            return Survival(np.zeros(1), np.ones(1), np.ones(1))
        ages, first = np.unique(np.maximum(self.lived + self.left / rates, _CERTAIN), return_index=True)
        s = ndtr(z)[first]
        return Survival(np.append(0.0, ages), np.append(1.0, s), np.concatenate(([1.0], s[:-1], [ends])))

    def foreseen(self) -> GrowthLifetime:
        """The same generation with limits for what the rest of its growth will be, not only for its mean rate.

        Growth in separate losses varies as much in the time to come as in the time seen: the half-widths are multiplied
        by the root of 1 + (time seen) / (time to the limit), as for the prediction of a drift whose estimate has the
        variance of as many increments as were seen. The spread of the level counts as a spread of the rate to it.
        """
        if self.left <= 0 or self.rate <= 0 or self.lived == 0:
            return self
        return self._wider(math.sqrt(1 + self.lived * self.rate / self.left), self.spread * self.rate / self.left)

    def next_generation(self) -> GrowthLifetime:
        """That of a further generation at the same rate, of which nothing has been seen yet.

        All of it is foreseen: the half-widths are multiplied by the root of 1 + (time seen) / (lifetime). The spread
        of the level counts as a spread of the rate.
        """
        if self.rate <= 0 or self.lived == 0:
            return self
        whole = self.lived + max(self.left, 0.0) / self.rate
        next_one = replace(self, lived=0.0, left=whole * self.rate)
        return next_one._wider(math.sqrt(1 + self.lived / whole), self.spread / whole)

    def _wider(self, by: float, more: float) -> GrowthLifetime:
        """With the half-widths of the rate multiplied ``by`` a factor, and a further half-width."""
        down, up = (math.hypot(by * half, more) for half in (self.rate - self.low, self.high - self.rate))
        low = self.rate - down
        if self.low > 0:  # growth is shown: it goes on, by however little
            low = self.rate * math.exp(-min(down / self.rate, _MOST_LOG))
        return replace(self, low=low, high=self.rate + up)

    def at_rate(self, rate: float) -> GrowthLifetime:
        """The same generation at another rate, known as well in proportion."""
        by = rate / self.rate
        return replace(self, rate=rate, low=self.low * by, high=self.high * by)


def optimum_of_growth(parts: Sequence[GrowthLifetime], costs: Costs) -> Optimum:
    """The age of restart that costs least, where a generation grows like any of ``parts`` (one a replica).

    Its interval is what it becomes with every rate at its upper and at its lower 95 % limit. It reaches to infinity
    where a lower limit is not above 0. Raises :class:`~aging.stats.SeriesError` for no parts.
    """
    if not parts:
        raise SeriesError("growth of at least one generation is needed")
    best = optimum(Survival.mixture([one.survival() for one in parts]), costs)
    rising = [one.at_rate(one.high).survival() for one in parts if one.rate > 0]
    early = optimum(Survival.mixture(rising), costs).seconds if rising else best.seconds
    if any(one.low <= 0 for one in parts):
        return best.between(early, math.inf)
    late = optimum(Survival.mixture([one.at_rate(one.low).survival() for one in parts]), costs).seconds
    return best.between(early, late)


def _at(age: float) -> Survival:
    """S of a lifetime that is certain."""
    return Survival.stepped(np.array([age]), np.zeros(1))
