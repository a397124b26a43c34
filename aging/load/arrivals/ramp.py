"""Ramp arrivals: a rate that changes evenly from one value to another, and then stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from aging.campaign.schema import ArrivalsOptions
from aging.core.units import Positive
from aging.load.arrivals.base import Arrivals, Phase
from aging.load.schedule.arrival_times import SECOND, Times, poisson
from aging.load.schedule.phases import until
from aging.load.schedule.rng import Draws

_STRETCHES = 8
_FOREVER = 1e12


class RampOptions(ArrivalsOptions):
    """Poisson arrivals whose rate rises or falls evenly."""

    kind: Literal["ramp"]
    start_rate: float = Field(ge=0, le=100_000, description="requests per second at the start")
    end_rate: float = Field(ge=0, le=100_000, description="requests per second after the ramp, for as long as it lasts")
    over: Positive = Field(description="length of the ramp")

    @model_validator(mode="after")
    def _some_load(self) -> RampOptions:
        if self.start_rate == self.end_rate:
            raise ValueError('`start_rate` and `end_rate` must differ; an even rate is of kind "poisson"')
        return self


class Ramp(Arrivals[RampOptions]):
    """A Poisson process of rate 1 whose time is bent so that it runs at the ramp's rate: exact, nothing is left out."""

    kind = "ramp"
    options_table = RampOptions

    def times(self, draws: Draws) -> Iterator[Times]:
        o, last = self.options, 0
        slope = (o.end_rate - o.start_rate) / o.over
        whole = (o.start_rate + o.end_rate) / 2 * o.over
        for unit in poisson(1.0, draws):
            due = unit / SECOND  # arrivals that the ramp has brought by then, on average
            inside = due <= whole
            rising = np.where(inside, due, 0.0)
            # The time at which start_rate t + slope t²/2 = due, in the form that cancels nothing.
            root = np.sqrt(np.maximum(o.start_rate * o.start_rate + 2 * slope * rising, 0.0))
            seconds = 2 * rising / np.maximum(o.start_rate + root, 1e-300)
            if o.end_rate > 0:
                seconds = np.where(inside, seconds, o.over + (due - whole) / o.end_rate)
            else:
                seconds = seconds[inside]
            times = np.maximum.accumulate(
                np.maximum(np.rint(np.minimum(seconds * SECOND, 2.0**62)).astype(np.int64), last)
            )
            yield times
            if times.size < unit.size:
                return
            last = int(times[-1])

    def phases(self, draws: Draws, duration: float) -> tuple[Phase, ...]:  # noqa: ARG002 - nothing of it is drawn
        return until(duration, self._stretches())

    def mean_rate(self) -> float:
        return (self.options.start_rate + self.options.end_rate) / 2

    def at_rate(self, rate: float) -> Ramp:
        factor = rate / self.mean_rate()
        scaled = {"start_rate": self.options.start_rate * factor, "end_rate": self.options.end_rate * factor}
        return Ramp(self.options.model_copy(update=scaled))

    def _stretches(self) -> Iterator[Phase]:
        o = self.options
        for number in range(_STRETCHES):
            begin, end = number / _STRETCHES, (number + 1) / _STRETCHES
            rate = o.start_rate + (o.end_rate - o.start_rate) * (begin + end) / 2
            yield Phase(begin * o.over, end * o.over, rate)
        yield Phase(o.over, _FOREVER, o.end_rate)
