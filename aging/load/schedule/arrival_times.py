"""From gaps to times: whole nanoseconds, so that sums are exact however long they run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import count

import numpy as np
from numpy.typing import NDArray

from aging.load.schedule.phases import Phase
from aging.load.schedule.portable_math import Floats
from aging.load.schedule.rng import Draws

Times = NDArray[np.int64]
"""Nanoseconds from the start of load, not falling; shape (n,)."""

SECOND = 1_000_000_000
CHUNK = 1024
"""Arrivals that are drawn at once: half a millisecond in which the load client does nothing else.

Part of the schedule's definition: with another number some processes would draw another load from the same seed.
"""

_LATEST = 2**62

_HORIZON = 2**61
"""Nanoseconds, 73 years: no load is longer, and no sum overflows."""


def running(gaps: Iterable[Floats]) -> Iterator[Times]:
    """The times that follow from chunks of gaps in nanoseconds; they end where no load would last."""
    now = 0
    for chunk in gaps:
        steps = np.rint(chunk)
        if now + float(steps.sum()) > _HORIZON:
            steps = steps[np.cumsum(steps) <= _HORIZON - now]
            yield now + np.cumsum(steps.astype(np.int64))
            return
        times = now + np.cumsum(steps.astype(np.int64))
        yield times
        now = int(times[-1])


def evenly(rate: float) -> Iterator[Times]:
    """The k-th arrival at k / ``rate`` seconds."""
    gap = SECOND / rate
    for first in count(1, CHUNK):
        at = np.rint(np.arange(first, first + CHUNK) * gap)
        if at[-1] >= _LATEST:
            yield at[at < _LATEST].astype(np.int64)
            return
        yield at.astype(np.int64)


def poisson(rate: float, draws: Draws, chunk: int = CHUNK) -> Iterator[Times]:
    """Arrivals without memory, ``rate`` a second."""
    return running(_exponential(SECOND / rate, draws, chunk))


def poisson_in(phases: Iterable[Phase], draws: Draws) -> Iterator[Times]:
    """Arrivals without memory whose rate is constant within each phase: exact, since they may start again at each."""
    for phase in phases:
        if phase.rate == 0:
            continue
        start, end = round(phase.start * SECOND), round(phase.end * SECOND)
        expected = phase.rate * (phase.end - phase.start)
        enough = min(CHUNK, int(expected + 4 * math.sqrt(expected)) + 8)
        for times in poisson(phase.rate, draws, enough):
            inside = start + times[times < end - start]
            yield inside
            if inside.size < times.size:
                break


def _exponential(mean: float, draws: Draws, chunk: int) -> Iterator[Floats]:
    while True:
        yield draws.exponential(chunk) * mean
