"""What the head of a study does next: one frozen dataclass a command. :mod:`aging.study.supervision` decides them.

``subjects`` are what a command is about: a host, attempts. No two commands about one subject are under way at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aging.study.events import StudyEvent
from aging.study.fleet import File, Node


class AttemptId(NamedTuple):
    """An attempt within one study."""

    cell: str
    number: int


@dataclass(frozen=True, slots=True)
class Note:
    """Write an event to the ledger, and decide again."""

    event: StudyEvent


@dataclass(frozen=True, slots=True)
class OnHost:
    """A command that one host answers."""

    node: Node

    @property
    def subjects(self) -> frozenset[object]:
        return frozenset((self.node.host,))


@dataclass(frozen=True, slots=True)
class Inspect(OnHost):
    """Ask for the facts of a host."""


@dataclass(frozen=True, slots=True)
class Place(OnHost):
    """Reserve a host for a new attempt; then note it, and ``why`` the attempt that it is ``instead`` of is lost."""

    attempt: AttemptId
    instead: int | None = None
    why: str = ""

    @property
    def subjects(self) -> frozenset[object]:
        return frozenset((self.node.host, self.attempt.cell))


@dataclass(frozen=True, slots=True)
class Look(OnHost):
    """Ask for the states of attempts."""

    attempts: Sequence[AttemptId]

    @property
    def subjects(self) -> frozenset[object]:
        return frozenset(self.attempts)


@dataclass(frozen=True, slots=True)
class OnAttempt(OnHost):
    """A command about one attempt on its host."""

    attempt: AttemptId

    @property
    def subjects(self) -> frozenset[object]:
        return frozenset((self.attempt,))


@dataclass(frozen=True, slots=True)
class Reserve(OnAttempt):
    """Reserve the host for an attempt that is there already."""


@dataclass(frozen=True, slots=True)
class Start(OnAttempt):
    """Start an attempt that has been noted; it may have been started already."""


@dataclass(frozen=True, slots=True)
class Resume(OnAttempt):
    """Continue an attempt whose runner is gone."""


@dataclass(frozen=True, slots=True)
class Stop(OnAttempt):
    """Stop an attempt as one Ctrl-C would, or end what its runner has left."""


@dataclass(frozen=True, slots=True)
class Collect(OnAttempt):
    """Copy files that no one writes any more. ``whole``: they are all of an ended attempt."""

    files: Sequence[File]
    whole: bool


@dataclass(frozen=True, slots=True)
class Discard(OnAttempt):
    """Remove an attempt from its host."""


@dataclass(frozen=True, slots=True)
class Release:
    """Give back what is reserved for an attempt; its host may be gone."""

    attempt: AttemptId

    @property
    def subjects(self) -> frozenset[object]:
        return frozenset((self.attempt,))


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing is left to do."""


Effect = Inspect | Place | Look | Reserve | Start | Resume | Stop | Collect | Discard | Release
Command = Note | Finish | Effect
