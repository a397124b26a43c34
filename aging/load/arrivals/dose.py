"""Dose arrivals: phases of different load, the experiment that distinguishes a leak from a high-water mark.

A leak keeps its bytes per request, so that its rate follows the load and stops
when the server idles; a high-water mark steps and flattens.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import fsum
from typing import Literal

from pydantic import Field, field_validator

from aging.campaign.schema import ArrivalsOptions
from aging.core.units import Duration
from aging.load.arrivals.base import Arrivals, Phase
from aging.load.schedule.arrival_times import Times, poisson_in
from aging.load.schedule.phases import until
from aging.load.schedule.rng import Draws


class DoseOptions(ArrivalsOptions):
    """Poisson arrivals in phases of different load, each level once in a cycle, in seeded random order."""

    kind: Literal["dose"]
    rate: float = Field(gt=0, le=100_000, description="requests per second at level 1")
    levels: tuple[float, ...] = Field(
        (1.0, 3.0, 0.0), description="loads of the phases in multiples of `rate`; 0: idle"
    )
    phase: Duration = Field(480.0, gt=0, description="length of one phase")

    @field_validator("levels")
    @classmethod
    def _different(cls, levels: tuple[float, ...]) -> tuple[float, ...]:
        if min(levels, default=-1.0) < 0 or len(set(levels)) < 2:
            raise ValueError("needs at least two different levels, none below 0, such as [1, 3, 0]")
        return levels


class Dose(Arrivals[DoseOptions]):
    """Independent exponential gaps within a phase."""

    kind = "dose"
    options_table = DoseOptions

    def times(self, draws: Draws) -> Iterator[Times]:
        return poisson_in(self._endless(draws), draws)

    def phases(self, draws: Draws, duration: float) -> tuple[Phase, ...]:
        return until(duration, self._endless(draws))

    def mean_rate(self) -> float:
        return self.options.rate * fsum(self.options.levels) / len(self.options.levels)

    def at_rate(self, rate: float) -> Dose:
        scaled = self.options.rate * rate / self.mean_rate()
        return Dose(self.options.model_copy(update={"rate": scaled}))

    def _endless(self, draws: Draws) -> Iterator[Phase]:
        order, number = draws.of("order"), 0
        while True:
            for level in order.order(len(self.options.levels)):
                start, end = number * self.options.phase, (number + 1) * self.options.phase
                yield Phase(start, end, self.options.levels[level] * self.options.rate)
                number += 1
