"""Poisson arrivals: independent exponential gaps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from aging.campaign.schema import ArrivalsOptions
from aging.load.arrivals.base import Arrivals
from aging.load.schedule.arrival_times import Times, poisson
from aging.load.schedule.rng import Draws


class PoissonOptions(ArrivalsOptions):
    """Open-loop arrivals without memory."""

    kind: Literal["poisson"]
    rate: float = Field(gt=0, le=100_000, description="requests per second on average")


class Poisson(Arrivals[PoissonOptions]):
    """``next += gap``: the next arrival follows from the last arrival, never from when it was sent."""

    kind = "poisson"
    options_table = PoissonOptions

    def times(self, draws: Draws) -> Iterator[Times]:
        return poisson(self.options.rate, draws)

    def mean_rate(self) -> float:
        return self.options.rate

    def at_rate(self, rate: float) -> Poisson:
        return Poisson(self.options.model_copy(update={"rate": rate}))
