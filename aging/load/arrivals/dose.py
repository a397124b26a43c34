"""Dose arrivals: phases of different load, the experiment that tells a leak from a high-water mark.

A leak keeps its bytes per request, so that its rate follows the load and stops
when the server idles; a high-water mark steps and flattens.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from random import Random
from typing import Literal

from pydantic import Field, field_validator

from aging.campaign.schema import ArrivalsOptions
from aging.campaign.units import Duration
from aging.load.arrivals import Arrivals, Phase


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

    def times(self, rng: Random) -> Iterator[float]:
        for phase in self._endless(rng):
            at = phase.start
            while phase.rate and (at := at + rng.expovariate(phase.rate)) < phase.end:
                yield at

    def phases(self, rng: Random, duration: float) -> tuple[Phase, ...]:
        whole = takewhile(lambda phase: phase.start < duration, self._endless(rng))
        return tuple(Phase(phase.start, min(phase.end, duration), phase.rate) for phase in whole)

    def at_rate(self, rate: float) -> Dose:
        mean = sum(self.options.levels) / len(self.options.levels)
        return Dose(self.options.model_copy(update={"rate": rate / mean}))

    def _endless(self, rng: Random) -> Iterator[Phase]:
        order, start = Random(rng.random()), 0.0  # one of its own: gaps drawn or not, the order is the same
        while True:
            for level in order.sample(self.options.levels, len(self.options.levels)):
                yield Phase(start, start + self.options.phase, level * self.options.rate)
                start += self.options.phase
