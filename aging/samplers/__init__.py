"""Samplers, one a file: the base contract.

A new sampler is a new file with one subclass of :class:`Sampler`; its ``kind`` is the
folder its rows go to and the key of ``[sampling]`` that sets its interval.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from aging.model import Reading


@dataclass(frozen=True, slots=True)
class Target:
    """A process that is watched: whose it is, which life of it, and where it answers.

    ``with_descendants`` is false for the harness's own processes: the servers
    are its children, and are not its own.
    """

    owner: str
    entity: str
    generation: int
    pid: int
    with_descendants: bool = True
    metrics_url: str | None = None


Targets = Callable[[], Sequence[Target]]
"""What is watched now; it changes when a deployment is restarted."""


class Sampler(ABC):
    """Reads indicators when told to. It may block or raise: the sampling loop guards it."""

    kind: ClassVar[str]
    default_interval: ClassVar[float]

    def __init__(self, targets: Targets) -> None:
        self.targets = targets

    @classmethod
    def unavailable(cls) -> str | None:
        """Why there is nothing to sample on this machine; None when there is."""
        return None

    @abstractmethod
    def read(self) -> Iterable[Reading]:
        """One reading an entity, now. Values are in the unit that their name says."""
