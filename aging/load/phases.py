"""Stretches of a load."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile

_MOST = 1000
"""Phases that are told; where there are more, they are too short for a rate of growth of their own."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of load: from ``start`` to ``end`` seconds after the start of load, ``rate`` requests per second."""

    start: float
    end: float
    rate: float


def until(duration: float, phases: Iterable[Phase]) -> tuple[Phase, ...]:
    """The phases of a load of ``duration`` seconds, neighbours of one rate as one; none where they are too many."""
    told: list[Phase] = []
    for phase in takewhile(lambda phase: phase.start < duration, phases):
        end = min(phase.end, duration)
        if told and told[-1].rate == phase.rate:
            told[-1] = Phase(told[-1].start, end, phase.rate)
        else:
            told.append(Phase(phase.start, end, phase.rate))
        if len(told) > _MOST:
            return ()
    return tuple(told)
