"""Samplers, one a file: the base contract.

A new sampler is a new file with one subclass of :class:`Sampler`; its ``kind`` is the
folder its rows go to and the key of ``[sampling]`` that sets its interval.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from aging.core.records import Reading
from aging.core.targets import Target, Targets

ENTRY_POINT_GROUP = "aging.samplers"


class Sampler(ABC):
    """Reads indicators. A read may block or raise: the sampling loop guards it.

    ``results`` is the folder that the campaign's rows are written to.
    """

    kind: ClassVar[str]
    default_interval: ClassVar[float]

    interval: float | None = None
    """Seconds between two reads, once the sampling loop has begun: a read that may hang is given up within them."""

    def __init__(self, targets: Targets, results: Path = Path()) -> None:
        self.targets = targets
        self.results = results

    @classmethod
    def unavailable(cls) -> str | None:
        """Why there is nothing to sample on this machine; None when there is."""
        return None

    @classmethod
    def reduced(cls) -> str | None:
        """What cannot be sampled on this machine though the rest can; None when all can."""
        return None

    @abstractmethod
    def read(self) -> Iterable[Reading]:
        """One reading an entity, now. Values are in the unit of their name."""


def ended_message(target: Target) -> str:
    """The message that all processes of the target have ended."""
    return f"pid {' '.join(map(str, target.pids))} has ended"
