"""The schedule: which request is due when, and its words. Pure, streamed, and equal for equal seeds.

Every aspect (arrivals, lengths, streaming, words) draws from a generator of its own, seeded by
name, so that changing one leaves the others as they were. Python's Mersenne Twister and
times rounded to the microsecond make schedule and bodies the same on every machine.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from itertools import islice, takewhile
from random import Random
from typing import Any

from aging.campaign.schema import LoadTable, LogNormal
from aging.load.arrivals import Arrivals
from aging.load.planned import PlannedRequest

_Z95 = 1.6448536269514722  # 95 % quantile of the standard normal distribution


def schedule(load: LoadTable, arrivals: Arrivals[Any], seed: int, duration: float) -> Iterator[PlannedRequest]:
    """Every request that arrives before ``duration`` seconds, in order."""
    prompts, outputs, streams = (Random(f"{seed}/{aspect}") for aspect in ("prompt", "output", "streaming"))
    times = takewhile(lambda at: at < duration, arrivals.times(arrivals_generator(seed)))
    for number, at in enumerate(times):
        yield PlannedRequest(
            number=number,
            at=round(at, 6),
            prompt_tokens=draw_length(load.prompt_tokens, prompts),
            output_tokens=draw_length(load.output_tokens, outputs),
            streaming=streams.random() < load.streaming_share,
        )


def arrivals_generator(seed: int) -> Random:
    """The generator that arrivals and their phases are drawn from."""
    return Random(f"{seed}/arrivals")


def draw_length(lengths: LogNormal, rng: Random) -> int:
    """One log-normal token count with the given median and 95th percentile, clipped to its bounds."""
    sigma = math.log(lengths.p95 / lengths.median) / _Z95
    drawn = lengths.median * math.exp(sigma * rng.gauss(0.0, 1.0))
    return min(max(round(drawn), lengths.min), lengths.max)


HASHED = 100_000
"""Requests of a schedule that its hash covers: they follow from the same generators as all later ones."""


class ScheduleHash:
    """SHA-256 over the first requests of a schedule; equal hashes mean equal loads."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.requests = 0

    def add(self, request: PlannedRequest) -> None:
        self.requests += 1
        if request.number < HASHED:
            self._digest.update(request.line().encode())

    def __str__(self) -> str:
        return self._digest.hexdigest()


def schedule_hash(requests: Iterator[PlannedRequest]) -> str:
    """The hash of a schedule, drawn as far as the hash covers."""
    digest = ScheduleHash()
    for request in islice(requests, HASHED):
        digest.add(request)
    return str(digest)
