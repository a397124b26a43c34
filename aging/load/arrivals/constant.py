"""Constant arrivals: equal gaps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from aging.campaign.schema import ArrivalsOptions
from aging.load.arrivals.base import Arrivals
from aging.load.schedule.arrival_times import Times, evenly
from aging.load.schedule.rng import Draws


class ConstantOptions(ArrivalsOptions):
    """Open-loop arrivals at equal gaps."""

    kind: Literal["constant"]
    rate: float = Field(gt=0, le=100_000, description="requests per second")


class Constant(Arrivals[ConstantOptions]):
    """The k-th arrival at k / rate."""

    kind = "constant"
    options_table = ConstantOptions

    def times(self, draws: Draws) -> Iterator[Times]:  # noqa: ARG002 - the contract of random processes
        return evenly(self.options.rate)

    def mean_rate(self) -> float:
        return self.options.rate

    def at_rate(self, rate: float) -> Constant:
        return Constant(self.options.model_copy(update={"rate": rate}))
