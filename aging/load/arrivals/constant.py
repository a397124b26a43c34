"""Constant arrivals: equal gaps."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from random import Random
from typing import Literal

from pydantic import Field

from aging.campaign.schema import ArrivalsOptions
from aging.load.arrivals import Arrivals


class ConstantOptions(ArrivalsOptions):
    """Open-loop arrivals at equal gaps."""

    kind: Literal["constant"]
    rate: float = Field(gt=0, le=100_000, description="requests per second")


class Constant(Arrivals[ConstantOptions]):
    """The k-th arrival at k / rate."""

    kind = "constant"
    options_table = ConstantOptions

    def times(self, rng: Random) -> Iterator[float]:  # noqa: ARG002 - the contract of random processes
        return (k / self.options.rate for k in count(1))

    def at_rate(self, rate: float) -> Constant:
        return Constant(self.options.model_copy(update={"rate": rate}))
