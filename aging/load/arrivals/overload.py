"""Overload arrivals: a steady rate, and at equal intervals an episode of a multiple of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Literal

from pydantic import Field, model_validator

from aging.campaign.schema import ArrivalsOptions
from aging.core.units import Positive
from aging.load.arrivals.base import Arrivals, Phase
from aging.load.schedule.arrival_times import Times, poisson_in
from aging.load.schedule.phases import until
from aging.load.schedule.rng import Draws


class OverloadOptions(ArrivalsOptions):
    """Poisson arrivals with regular episodes at a multiple of their rate."""

    kind: Literal["overload"]
    rate: float = Field(gt=0, le=100_000, description="requests per second outside the episodes")
    factor: float = Field(gt=1, le=1000, description="how many times the rate of an episode is `rate`")
    episode: Positive = Field(description="length of an episode")
    every: Positive = Field(description="from the start of an episode to the next; each ends such an interval")

    @model_validator(mode="after")
    def _shorter(self) -> OverloadOptions:
        if self.episode >= self.every:
            raise ValueError(f"`episode` must be shorter than `every`, got {self.episode:g} s and {self.every:g} s")
        return self


class Overload(Arrivals[OverloadOptions]):
    """Shows the server in overload, and what it retains afterwards."""

    kind = "overload"
    options_table = OverloadOptions

    def times(self, draws: Draws) -> Iterator[Times]:
        return poisson_in(self._endless(), draws)

    def phases(self, draws: Draws, duration: float) -> tuple[Phase, ...]:  # noqa: ARG002 - nothing of it is drawn
        return until(duration, self._endless())

    def mean_rate(self) -> float:
        o = self.options
        return o.rate * (1 + (o.factor - 1) * o.episode / o.every)

    def at_rate(self, rate: float) -> Overload:
        scaled = self.options.rate * rate / self.mean_rate()
        return Overload(self.options.model_copy(update={"rate": scaled}))

    def _endless(self) -> Iterator[Phase]:
        o = self.options
        for number in count():
            middle, end = (number + 1) * o.every - o.episode, (number + 1) * o.every
            yield Phase(number * o.every, middle, o.rate)
            yield Phase(middle, end, o.rate * o.factor)
