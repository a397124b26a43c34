"""Trace arrivals: requests as they were recorded elsewhere, with their lengths, conversations and shared blocks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Literal

import numpy as np
from pydantic import Field

from aging.campaign.schema import ArrivalsOptions
from aging.core.units import Duration, Flag, Positive
from aging.load.arrivals.base import Arrivals, Arrived, Traced
from aging.load.schedule.arrival_times import Times
from aging.load.schedule.rng import Draws
from aging.load.schedule.trace_replay import Pace, Replayed, Selection, facts, replay

_CHUNK = 64


class TraceOptions(ArrivalsOptions):
    """A recorded trace, replayed: BurstGPT's, Azure's, Mooncake's, or the request records of an earlier campaign."""

    kind: Literal["trace"]
    file: str = Field(
        min_length=1,
        description="the trace; for `recorded` the `requests` folder of a deployment in a result "
        "directory; a relative path is one from where `aging` is started",
    )
    format: str = Field("auto", description="`burstgpt`, `azure`, `mooncake` or `recorded`; `auto` looks")
    start: Duration = Field(0.0, ge=0, description="where in the trace the replay begins, from its first request")
    window: Positive | None = Field(None, description="length of the stretch that is replayed; absent: to the end")
    rate: float | None = Field(
        None,
        gt=0,
        le=100_000,
        description="requests per second on average: the trace is thinned, or requests are repeated at nearby times",
    )
    time_scale: float = Field(
        1.0,
        gt=0,
        le=1e6,
        description="how many times as fast as recorded; all requests stay, and so does the burstiness",
    )
    loop: Flag = Field(
        False, description="start again from the beginning at the end; else the load ends with the trace"
    )
    model: str | None = Field(None, description="only rows with this `Model` (BurstGPT)")
    log_type: str | None = Field(None, description="only rows with this `Log Type` (BurstGPT)")
    failures: Literal["leave-out", "class"] = Field(
        "leave-out",
        description="rows without an answer: left out, or sent with one output token as a separate class, `failed`",
    )
    max_prompt: int | None = Field(None, ge=1, le=1_000_000, description="longest prompt, in tokens")
    max_output: int | None = Field(None, ge=1, le=1_000_000, description="longest output, in tokens")
    max_total: int | None = Field(None, ge=2, le=1_000_000, description="longest prompt and output together, in tokens")
    beyond: Literal["clip", "drop"] = Field("clip", description="whether longer requests are cut, or left out")
    bin: Duration | None = Field(
        None,
        ge=0,
        description="stamps are in bins of this length, over which requests are spread; absent: the format's",
    )
    native_rate: float | None = Field(
        None,
        gt=0,
        description="requests per second that are replayed at time scale 1; absent: found by reading the trace",
    )

    def selection(self) -> Selection:
        """Which rows are replayed, and how long they may be."""
        return Selection(
            path=self.file,
            format=self.format,
            start=self.start,
            window=self.window,
            model=self.model,
            log_type=self.log_type,
            with_failures=self.failures == "class",
            max_prompt=self.max_prompt,
            max_output=self.max_output,
            max_total=self.max_total,
            clip=self.beyond == "clip",
            bin=self.bin,
        )


class Trace(Arrivals[TraceOptions]):
    """Rows in their order; times jittered only within the bins that the trace has."""

    kind = "trace"
    options_table = TraceOptions

    def times(self, draws: Draws) -> Iterator[Times]:
        return (arrived.times for arrived in self.arrived(draws))

    def arrived(self, draws: Draws) -> Iterator[Arrived]:
        o = self.options
        if o.rate is None:
            pace = Pace(o.time_scale, loop=o.loop)
        else:
            pace = Pace.at_rate(o.rate, self._native_rate(), o.time_scale, o.loop)
        replayed = replay(o.selection(), pace, draws)
        while some := list(islice(replayed, _CHUNK)):
            yield _chunk(some)

    def mean_rate(self) -> float:
        o = self.options
        return self._native_rate() * o.time_scale if o.rate is None else o.rate

    def at_rate(self, rate: float) -> Trace:
        return Trace(self.options.model_copy(update={"rate": rate}))

    def _native_rate(self) -> float:
        if self.options.native_rate is not None:
            return self.options.native_rate
        return facts(self.options.selection()).rate


def _chunk(some: list[Replayed]) -> Arrived:
    times, rows, sessions, blocks = zip(*some, strict=True)
    traced = Traced(
        np.array([row.prompt_tokens for row in rows], dtype=np.int64),
        np.array([row.output_tokens for row in rows], dtype=np.int64),
        np.array([row.failed for row in rows], dtype=np.bool_),
        list(sessions),
        list(blocks),
    )
    return Arrived(np.array(times, dtype=np.int64), traced)
