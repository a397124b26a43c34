"""Closed arrivals: so many requests at a time, the next when one is answered.

A server that grows slower lowers such a load by itself, which hides its aging: use the
open loop's processes to show it. Closed loops are for work that fills the troughs of other
load, and to show the difference.

With a ``rate`` requests are sent evenly and at most so often: a server that cannot follow
slows the load down, and no request is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Literal

import numpy as np
from pydantic import Field

from aging.campaign.schema import ArrivalsOptions
from aging.core.units import Duration
from aging.load.arrivals.base import Arrivals, Places
from aging.load.schedule.arrival_times import Times, evenly
from aging.load.schedule.rng import Draws

_CHUNK = 64


class ClosedOptions(ArrivalsOptions):
    """A closed loop: a request follows an answer."""

    kind: Literal["closed"]
    concurrency: int = Field(ge=1, le=100_000, description="requests at a time")
    rate: float | None = Field(
        None,
        gt=0,
        le=100_000,
        description="most requests per second, counted from the start of the load; "
        "absent: as many as the server answers",
    )
    think: Duration = Field(0.0, ge=0, description="time from an answer to the next request in its place")
    yields_above: int | None = Field(
        None,
        ge=1,
        description="sends nothing while this many requests of other classes are in flight; absent: it never waits",
    )


class Closed(Arrivals[ClosedOptions]):
    """A place that comes free takes the next request: at once, or with a rate when its time has come."""

    kind = "closed"
    options_table = ClosedOptions

    def times(self, draws: Draws) -> Iterator[Times]:  # noqa: ARG002 - the contract of random processes
        rate = self.options.rate
        return repeat(np.zeros(_CHUNK, dtype=np.int64)) if rate is None else evenly(rate)

    def places(self) -> Places:
        return Places(self.options.concurrency, self.options.think, self.options.yields_above)

    def mean_rate(self) -> float:
        """Zero: the server determines its rate."""
        return 0.0

    def most_rate(self) -> float:
        return self.options.rate or 0.0

    def at_rate(self, rate: float) -> Closed:  # noqa: ARG002 - there is no rate to scale
        return self
