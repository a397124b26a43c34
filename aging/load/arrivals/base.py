"""Arrival processes, one a file: the base contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from aging.campaign.schema import ArrivalsOptions
from aging.load.schedule.arrival_times import Times
from aging.load.schedule.phases import Phase
from aging.load.schedule.rng import Draws

ENTRY_POINT_GROUP = "aging.arrivals"

__all__ = ["Arrivals", "Arrived", "Phase", "Places", "Traced"]

O = TypeVar("O", bound=ArrivalsOptions)  # noqa: E741


@dataclass(frozen=True, slots=True)
class Traced:
    """What a trace records of n arrivals beside their times. Arrays and lists have n items.

    ``sessions`` names the conversation of each (−1: none), ``blocks`` the shared blocks that its prompt consists of,
    ``failed`` those that failed when they were recorded.
    """

    prompt_tokens: NDArray[np.int64]
    output_tokens: NDArray[np.int64]
    failed: NDArray[np.bool_]
    sessions: list[int]
    blocks: list[tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Arrived:
    """Consecutive arrivals: their times, and what the trace records of them if one is replayed."""

    times: Times
    traced: Traced | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """A closed loop: ``concurrency`` requests at a time, ``think`` seconds after an answer.

    It waits while ``yields_above`` or more requests of other classes are in flight (None: it never waits).
    """

    concurrency: int
    think: float
    yields_above: int | None


class Arrivals(ABC, Generic[O]):
    """When requests arrive."""

    kind: ClassVar[str]
    options_table: ClassVar[type[ArrivalsOptions]]

    def __init__(self, options: O) -> None:
        self.options = options

    @abstractmethod
    def times(self, draws: Draws) -> Iterator[Times]:
        """Arrival times in chunks of any size, each not before the last; draws of one name give equal times.

        Whole nanoseconds from the start of load, int64. They may be endless.
        """

    def arrived(self, draws: Draws) -> Iterator[Arrived]:
        """The same arrivals with what the trace records of them."""
        return (Arrived(times) for times in self.times(draws))

    def phases(self, draws: Draws, duration: float) -> tuple[Phase, ...]:  # noqa: ARG002 - for those that have some
        """Stretches of different load that ``times`` of the same draws has; empty where the load is steady."""
        return ()

    def places(self) -> Places | None:
        """The closed loop, where requests follow answers and not times; None: the loop is open."""
        return None

    @abstractmethod
    def mean_rate(self) -> float:
        """Requests per second on average."""

    def most_rate(self) -> float:
        """The most requests per second on average; 0 where nothing limits them."""
        return self.mean_rate()

    @abstractmethod
    def at_rate(self, rate: float) -> Arrivals[O]:
        """The same process with ``rate`` requests per second on average."""
