"""The state of a study: the fold of its ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aging.study.fleet import AttemptState, HostFacts


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt at a cell. ``lost`` says why it was given up; ``collected`` is whether all of it is here."""

    number: int
    host: str
    placed: float
    state: AttemptState = "absent"
    directory: str | None = None
    why: str | None = None
    resumed: int = 0
    files: int = 0
    size: int = 0
    collected: bool = False
    lost: str | None = None


@dataclass(frozen=True, slots=True)
class CellState:
    """A cell and its attempts, the oldest first."""

    name: str
    attempts: Sequence[Attempt] = ()
    given_up: str | None = None

    @property
    def result(self) -> Attempt | None:
        """The attempt that counts: the first that completed and is here as a whole."""
        return next((one for one in self.attempts if one.collected and one.state in ("completed", "decided")), None)


@dataclass(frozen=True, slots=True)
class HostState:
    """A host. ``lost`` is since when it is gone (epoch seconds), ``refused`` why it may not run cells."""

    name: str
    facts: HostFacts | None = None
    lost: float | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class StudyState:
    """The whole study. ``outcome`` is None while it is not ended."""

    cells: Mapping[str, CellState] = field(default_factory=dict)
    hosts: Mapping[str, HostState] = field(default_factory=dict)
    started: float | None = None
    cluster: str | None = None
    runners: int = 0
    outcome: str | None = None
    ended: float | None = None
