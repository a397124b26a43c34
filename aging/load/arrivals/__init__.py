"""Arrival processes, one a file: the base contract."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from random import Random
from typing import ClassVar, Generic, TypeVar

from aging.campaign.schema import ArrivalsOptions

O = TypeVar("O", bound=ArrivalsOptions)  # noqa: E741


class Arrivals(ABC, Generic[O]):
    """When requests arrive, in seconds from the start of load."""

    kind: ClassVar[str]
    options_table: ClassVar[type[ArrivalsOptions]]

    def __init__(self, options: O) -> None:
        self.options = options

    @abstractmethod
    def times(self, rng: Random) -> Iterator[float]:
        """Non-decreasing arrival times without end; equal generators give equal times."""

    @abstractmethod
    def at_rate(self, rate: float) -> Arrivals[O]:
        """The same process with ``rate`` requests per second on average."""
