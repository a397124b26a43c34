"""What a study's ledger says: one frozen dataclass a kind, one JSON line each; :mod:`aging.study.state` folds them.

``wall`` is epoch seconds of the process that runs the study, set as the line is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from aging.study.fleet import AttemptState, HostFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyEvent:
    """One line of the ledger."""

    KIND: ClassVar[str] = ""
    wall: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlanned(StudyEvent):
    """The first line: of which study this is the ledger. So a study without any line has lost them."""

    KIND: ClassVar[str] = "study_planned"
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyStarted(StudyEvent):
    """A process began to run the study, for the first time or again. ``cluster`` is the address that it asked for."""

    KIND: ClassVar[str] = "study_started"
    pid: int
    cluster: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyStopping(StudyEvent):
    """The process that runs the study was asked to end: every cell is stopped and collected first."""

    KIND: ClassVar[str] = "study_stopping"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAsked(StudyEvent):
    """A host that the cluster has, and that is asked for its facts for the first time."""

    KIND: ClassVar[str] = "host_asked"
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSeen(StudyEvent):
    """A host told its facts, for the first time or changed ones."""

    KIND: ClassVar[str] = "host_seen"
    facts: HostFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRefused(StudyEvent):
    """A host that joined and may not run cells of this study; ``why`` in a sentence."""

    KIND: ClassVar[str] = "host_refused"
    host: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLost(StudyEvent):
    """A host left the cluster."""

    KIND: ClassVar[str] = "host_lost"
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostBusy(StudyEvent):
    """A host that cells wait for, as it runs the attempt ``by`` of another study; None: it runs none any more."""

    KIND: ClassVar[str] = "host_busy"
    host: str
    by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReserved(StudyEvent):
    """A host that cells wait for, whose CPUs or GPUs the cluster holds for ``by``; None: not any more."""

    KIND: ClassVar[str] = "host_reserved"
    host: str
    by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSilent(StudyEvent):
    """A host of the cluster that does not answer, and ``why``; None: it answers again."""

    KIND: ClassVar[str] = "host_silent"
    host: str
    why: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReturned(StudyEvent):
    """A lost host joined again."""

    KIND: ClassVar[str] = "host_returned"
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptPlaced(StudyEvent):
    """An attempt was given to a host. Written before it is started there."""

    KIND: ClassVar[str] = "attempt_placed"
    cell: str
    number: int
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptSeen(StudyEvent):
    """The state of an attempt on its host, where it is another than before. ``devices`` are the GPUs assigned to it."""

    KIND: ClassVar[str] = "attempt_seen"
    cell: str
    number: int
    state: AttemptState
    directory: str | None = None
    why: str | None = None
    devices: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResumed(StudyEvent):
    """An attempt was continued on its own host."""

    KIND: ClassVar[str] = "attempt_resumed"
    cell: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLost(StudyEvent):
    """An attempt that is given up: its host did not return in time, or its disk is gone. What was collected stays."""

    KIND: ClassVar[str] = "attempt_lost"
    cell: str
    number: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptCollected(StudyEvent):
    """Files of an attempt are in the study's folder, verified. ``whole``: all of them, after its end."""

    KIND: ClassVar[str] = "attempt_collected"
    cell: str
    number: int
    files: int
    size: int
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CellGivenUp(StudyEvent):
    """A cell without a further attempt. ``why`` in a sentence."""

    KIND: ClassVar[str] = "cell_given_up"
    cell: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyEnded(StudyEvent):
    """The process that ran the study ended. ``missing`` names the cells without a whole result."""

    KIND: ClassVar[str] = "study_ended"
    outcome: str
    missing: Sequence[str] = ()


KINDS: dict[str, type[StudyEvent]] = {one.KIND: one for one in StudyEvent.__subclasses__()}
