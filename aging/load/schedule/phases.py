"""Stretches of a load."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice, takewhile

_MOST = 1000
"""Most phases that are returned; where there are more, each is too short to have a rate of growth."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of load: from ``start`` to ``end`` seconds after the start of load, ``rate`` requests per second."""

    start: float
    end: float
    rate: float


def until(duration: float, phases: Iterable[Phase]) -> tuple[Phase, ...]:
    """The phases of a load of ``duration`` seconds; empty where they are too many."""
    begun = takewhile(lambda phase: phase.start < duration, phases)
    kept = tuple(Phase(phase.start, min(phase.end, duration), phase.rate) for phase in islice(begun, _MOST + 1))
    return kept if len(kept) <= _MOST else ()
