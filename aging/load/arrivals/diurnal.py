"""Diurnal arrivals: a rate that rises and falls like a sine."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count
from typing import Literal

from pydantic import Field

from aging.campaign.schema import ArrivalsOptions
from aging.core.units import Positive
from aging.load.arrivals.base import Arrivals, Phase
from aging.load.schedule.arrival_times import CHUNK, SECOND, Times, poisson
from aging.load.schedule.phases import until
from aging.load.schedule.portable_math import sine_of_turns
from aging.load.schedule.rng import Draws

_STRETCHES = 8


class DiurnalOptions(ArrivalsOptions):
    """Poisson arrivals whose rate follows a sine."""

    kind: Literal["diurnal"]
    rate: float = Field(gt=0, le=100_000, description="requests per second on average over a period")
    amplitude: float = Field(
        ge=0, le=1, description="highest rate above the average, as a share of it; 1: down to idle"
    )
    period: Positive = Field(86400.0, description="length of one period")
    phase: float = Field(
        0.0, ge=0, lt=1, description="where in the period the load begins: 0 at the average and rising, 0.25 at the top"
    )


class Diurnal(Arrivals[DiurnalOptions]):
    """Candidates at the highest rate, each kept with the chance rate / highest rate (Lewis and Shedler 1979)."""

    kind = "diurnal"
    options_table = DiurnalOptions

    def times(self, draws: Draws) -> Iterator[Times]:
        o = self.options
        period, keeping = max(round(o.period * SECOND), 1), draws.of("keeping")
        for candidates in poisson(o.rate * (1 + o.amplitude), draws, CHUNK):
            turns = (candidates % period) / period + o.phase
            wave = 1 + o.amplitude * sine_of_turns(turns - (turns >= 1))
            yield candidates[keeping.uniform(candidates.size) * (1 + o.amplitude) < wave]

    def phases(self, draws: Draws, duration: float) -> tuple[Phase, ...]:  # noqa: ARG002 - nothing of it is drawn
        return until(duration, self._stretches())

    def mean_rate(self) -> float:
        return self.options.rate

    def at_rate(self, rate: float) -> Diurnal:
        return Diurnal(self.options.model_copy(update={"rate": rate}))

    def _stretches(self) -> Iterator[Phase]:
        """Eighths of a period, each with its average."""
        o = self.options
        for number in count():
            begin, end = number / _STRETCHES, (number + 1) / _STRETCHES
            rise = math.cos(2 * math.pi * (begin + o.phase)) - math.cos(2 * math.pi * (end + o.phase))
            rate = o.rate * (1 + o.amplitude * rise * _STRETCHES / (2 * math.pi))
            yield Phase(begin * o.period, end * o.period, rate)
