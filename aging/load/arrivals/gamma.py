"""Gamma arrivals: independent gaps whose coefficient of variation is their burstiness (1: Poisson)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from pydantic import Field

from aging.campaign.schema import ArrivalsOptions
from aging.load.arrivals.base import Arrivals
from aging.load.schedule.arrival_times import CHUNK, SECOND, Times, running
from aging.load.schedule.portable_math import Floats, exp, log, normal_quantile
from aging.load.schedule.rng import Draws


class GammaOptions(ArrivalsOptions):
    """Open-loop arrivals at gaps with a Gamma distribution: burstiness as BurstGPT and others vary it."""

    kind: Literal["gamma"]
    rate: float = Field(gt=0, le=100_000, description="requests per second on average")
    cv: float = Field(
        ge=0.05, le=20, description="standard deviation of the gaps over their mean: below 1 even, above 1 bursty"
    )


class Gamma(Arrivals[GammaOptions]):
    """Gaps of shape 1/cv² and mean 1/rate."""

    kind = "gamma"
    options_table = GammaOptions

    def times(self, draws: Draws) -> Iterator[Times]:
        return running(self._gaps(draws))

    def mean_rate(self) -> float:
        return self.options.rate

    def at_rate(self, rate: float) -> Gamma:
        return Gamma(self.options.model_copy(update={"rate": rate}))

    def _gaps(self, draws: Draws) -> Iterator[Floats]:
        shape = 1.0 / (self.options.cv * self.options.cv)  # not a power: those are rounded differently elsewhere
        scale = SECOND / (self.options.rate * shape)
        normals, chances, powers = (draws.of(name) for name in ("normals", "chances", "powers"))
        while True:
            drawn = _gamma(shape if shape >= 1 else shape + 1.0, normals, chances)
            if shape < 1:  # G(k) = G(k + 1) U^(1/k)
                drawn *= exp(log(1.0 - powers.uniform(drawn.size)) / shape)
            yield drawn * scale


def _gamma(shape: float, normals: Draws, chances: Draws) -> Floats:
    """About ``CHUNK`` Gamma numbers of ``shape`` >= 1 and scale 1.

    Marsaglia and Tsang 2000, "A simple method for generating gamma variables", ACM TOMS 26, 363-372:
    rejection that keeps over 95 % of its candidates.
    """
    d = shape - 1.0 / 3.0
    c = 1.0 / float(np.sqrt(9.0 * d))
    normal = normal_quantile(normals.uniform(CHUNK) + 2.0**-54)
    cubed = 1.0 + c * normal
    cubed = cubed * cubed * cubed
    positive = cubed > 0
    threshold = 0.5 * normal * normal + d * (1.0 - cubed + log(np.where(positive, cubed, 1.0)))
    kept = positive & (log(1.0 - chances.uniform(CHUNK)) < threshold)
    return d * cubed[kept]
