"""Arrival processes, one a file: the base contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Generic, TypeVar

from aging.campaign.schema import ArrivalsOptions

O = TypeVar("O", bound=ArrivalsOptions)  # noqa: E741


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of load: from ``start`` to ``end`` seconds after the start of load, ``rate`` requests per second."""

    start: float
    end: float
    rate: float


class Arrivals(ABC, Generic[O]):
    """When requests arrive, in seconds from the start of load."""

    kind: ClassVar[str]
    options_table: ClassVar[type[ArrivalsOptions]]

    def __init__(self, options: O) -> None:
        self.options = options

    @abstractmethod
    def times(self, rng: Random) -> Iterator[float]:
        """Non-decreasing arrival times without end; equal generators give equal times."""

    def phases(self, rng: Random, duration: float) -> tuple[Phase, ...]:  # noqa: ARG002 - for those that have some
        """Stretches of different load that ``times`` of an equal generator has; empty where the load is steady."""
        return ()

    @abstractmethod
    def at_rate(self, rate: float) -> Arrivals[O]:
        """The same process with ``rate`` requests per second on average."""
