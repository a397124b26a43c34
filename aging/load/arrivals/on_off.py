"""On–off arrivals: bursts and lulls of random length, each with its rate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, model_validator

from aging.campaign.schema import ArrivalsOptions
from aging.core.units import Positive
from aging.load.arrivals.base import Arrivals, Phase
from aging.load.schedule.arrival_times import Times, poisson_in
from aging.load.schedule.phases import until
from aging.load.schedule.rng import Draws


class OnOffOptions(ArrivalsOptions):
    """Poisson arrivals at two rates in turn, each for an exponentially distributed time."""

    kind: Literal["on-off"]
    on_rate: float = Field(gt=0, le=100_000, description="requests per second in a burst")
    off_rate: float = Field(0.0, ge=0, le=100_000, description="requests per second between bursts")
    on: Positive = Field(description="mean length of a burst")
    off: Positive = Field(description="mean time between bursts")

    @model_validator(mode="after")
    def _bursts(self) -> OnOffOptions:
        if self.off_rate >= self.on_rate:
            raise ValueError(f"`off_rate` must be below `on_rate`, got {self.off_rate:g} and {self.on_rate:g}")
        return self


class OnOff(Arrivals[OnOffOptions]):
    """A Poisson process modulated by a two-state Markov chain that is stationary from the start."""

    kind = "on-off"
    options_table = OnOffOptions

    def times(self, draws: Draws) -> Iterator[Times]:
        return poisson_in(self._endless(draws), draws)

    def phases(self, draws: Draws, duration: float) -> tuple[Phase, ...]:
        return until(duration, self._endless(draws))

    def mean_rate(self) -> float:
        o = self.options
        return (o.on_rate * o.on + o.off_rate * o.off) / (o.on + o.off)

    def at_rate(self, rate: float) -> OnOff:
        factor = rate / self.mean_rate()
        scaled = {"on_rate": self.options.on_rate * factor, "off_rate": self.options.off_rate * factor}
        return OnOff(self.options.model_copy(update=scaled))

    def _endless(self, draws: Draws) -> Iterator[Phase]:
        o, lengths, start = self.options, draws.of("lengths"), 0.0
        on = float(lengths.uniform(1)[0]) < o.on / (o.on + o.off)
        while True:
            for length in lengths.exponential(64).tolist():
                end = start + length * (o.on if on else o.off)
                yield Phase(start, end, o.on_rate if on else o.off_rate)
                start, on = end, not on
