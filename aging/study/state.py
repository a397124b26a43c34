"""The state of a study: the fold of its ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aging.study import events
from aging.study.events import StudyEvent
from aging.study.fleet import AttemptState, HostFacts

RESULTS: frozenset[AttemptState] = frozenset(("completed", "decided"))
"""The states of an attempt that is a result."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt at a cell. ``lost`` says why it was given up; ``collected`` is whether all of it is here.

    ``disk`` is the id of its host's scratch folder as it was placed, ``devices`` are the GPUs assigned to it, by the
    cluster's names for them.
    ``resumed`` counts its continuations, ``resumes`` those since the study was last begun or resumed.
    """

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
    disk: str | None = None
    devices: Sequence[str] = ()
    resumes: int = 0

    @property
    def live(self) -> bool:
        """Whether it may still become a result."""
        return self.lost is None and not self.collected


@dataclass(frozen=True, slots=True)
class CellState:
    """A cell and its attempts, the oldest first. ``counts`` is the number of the attempt that is its result.

    ``before`` is how many attempts there were as the study was resumed after this cell had been given up.
    """

    name: str
    attempts: Sequence[Attempt] = ()
    given_up: str | None = None
    counts: int | None = None
    before: int = 0

    @property
    def result(self) -> Attempt | None:
        """The attempt that counts: the first, in time, that had completed and was here as a whole."""
        return next((one for one in self.attempts if one.number == self.counts), None)


@dataclass(frozen=True, slots=True)
class HostState:
    """A host. ``facts`` are None until it has told them. ``lost`` is since when it is gone (epoch seconds),
    ``refused`` why it may not run cells.

    ``busy`` is the attempt of another study that cells wait for, ``busy_since`` when that was first seen;
    ``reserved_by`` for whom the cluster holds what a cell needs there; ``silent`` why it does not answer.
    """

    name: str
    facts: HostFacts | None = None
    lost: float | None = None
    refused: str | None = None
    busy: str | None = None
    busy_since: float | None = None
    reserved_by: str | None = None
    silent: str | None = None


@dataclass(frozen=True, slots=True)
class StudyState:
    """The whole study. ``outcome`` is None while it is not ended; ``stopping``: it ends before its cells have."""

    cells: Mapping[str, CellState] = field(default_factory=dict)
    hosts: Mapping[str, HostState] = field(default_factory=dict)
    started: float | None = None
    cluster: str | None = None
    runners: int = 0
    outcome: str | None = None
    ended: float | None = None
    stopping: bool = False

    @property
    def of_jobs(self) -> bool:
        """Whether its cells are jobs of a batch system: there are attempts, and no process has run the whole."""
        return self.started is None and any(cell.attempts for cell in self.cells.values())

    @property
    def unstopped(self) -> Sequence[tuple[str, Attempt]]:
        """The attempts that may run now, by the name of their cell: as they were seen last, or on a host that is gone.

        Not those that were given up.
        """
        last = [(cell.name, cell.attempts[-1]) for cell in self.cells.values() if cell.attempts and not cell.result]
        return [(cell, one) for cell, one in last if one.live and self._may_run(one)]

    def _may_run(self, one: Attempt) -> bool:
        host = self.hosts.get(one.host)
        gone = host is not None and host.lost is not None
        return one.state in ("running", "abandoned") or (one.state == "absent" and gone)


def fold(ledger: Iterable[StudyEvent]) -> StudyState:
    """The state after the events of a ledger."""
    folded = Fold()
    for event in ledger:
        folded.add(event)
    return folded.state


class Fold:
    """The state of a study, event by event."""

    def __init__(self) -> None:
        self._whole = StudyState()
        self._cells: dict[str, CellState] = {}
        self._hosts: dict[str, HostState] = {}

    @property
    def state(self) -> StudyState:
        """The state so far, which later events do not change."""
        return replace(self._whole, cells=dict(self._cells), hosts=dict(self._hosts))

    def add(self, event: StudyEvent) -> None:  # noqa: PLR0912 - one case a kind
        match event:
            case events.StudyStarted():
                self._begin(event)
            case events.StudyStopping():
                self._whole = replace(self._whole, stopping=True)
            case events.StudyEnded():
                self._whole = replace(self._whole, outcome=event.outcome, ended=event.wall)
            case events.HostAsked(host=host):
                self._hosts[host] = self._host(host)
            case events.HostSeen(facts=facts):
                self._hosts[facts.host] = replace(self._host(facts.host), facts=facts, refused=None)
            case events.HostRefused():
                self._hosts[event.host] = replace(self._host(event.host), refused=event.why)
            case events.HostBusy(host=host, by=by):
                since = None if by is None else event.wall
                self._hosts[host] = replace(self._host(host), busy=by, busy_since=since)
            case events.HostReserved(host=host, by=by):
                self._hosts[host] = replace(self._host(host), reserved_by=by)
            case events.HostSilent(host=host, why=why):
                self._hosts[host] = replace(self._host(host), silent=why)
            case events.HostLost(host=host):
                known = self._host(host)
                self._hosts[host] = HostState(host, known.facts, lost=event.wall, refused=known.refused)
            case events.HostReturned():
                self._hosts[event.host] = replace(self._host(event.host), lost=None)
            case events.AttemptPlaced():
                self._place(event)
            case events.AttemptSeen():
                seen = {"state": event.state, "why": event.why, "devices": tuple(event.devices)}
                self._attempt(event.cell, event.number, **seen)
                if event.directory is not None:
                    self._attempt(event.cell, event.number, directory=event.directory)
            case events.AttemptResumed():
                self._resumed(event)
            case events.AttemptLost():
                self._attempt(event.cell, event.number, lost=event.why)
            case events.AttemptCollected():
                self._collect(event)
            case events.CellGivenUp():
                self._cells[event.cell] = replace(self._cell(event.cell), given_up=event.why)

    def _begin(self, event: events.StudyStarted) -> None:
        """A cell that was given up is tried again: it has lacked a host, or why its attempts failed may be mended."""
        whole = self._whole
        self._whole = replace(
            whole,
            started=event.wall if whole.started is None else whole.started,
            cluster=event.cluster,
            runners=whole.runners + 1,
            outcome=None,
            ended=None,
            stopping=False,
        )
        for name, cell in self._cells.items():
            attempts = tuple(replace(one, resumes=0) for one in cell.attempts)
            before = cell.before if cell.given_up is None else len(attempts)
            self._cells[name] = replace(cell, attempts=attempts, given_up=None, before=before)

    def _place(self, event: events.AttemptPlaced) -> None:
        facts = self._host(event.host).facts
        disk = None if facts is None else facts.disk
        attempt = Attempt(event.number, event.host, event.wall, disk=disk)
        cell = self._cell(event.cell)
        self._cells[event.cell] = replace(cell, attempts=(*cell.attempts, attempt))

    def _resumed(self, event: events.AttemptResumed) -> None:
        for one in self._cell(event.cell).attempts:
            if one.number == event.number:
                self._attempt(event.cell, event.number, resumed=one.resumed + 1, resumes=one.resumes + 1)

    def _collect(self, event: events.AttemptCollected) -> None:
        self._attempt(event.cell, event.number, files=event.files, size=event.size, collected=event.whole)
        cell = self._cell(event.cell)
        attempt = next((one for one in cell.attempts if one.number == event.number), None)
        if event.whole and attempt is not None and attempt.state in RESULTS and cell.counts is None:
            self._cells[event.cell] = replace(cell, counts=event.number)

    def _attempt(self, cell: str, number: int, **changed: Any) -> None:
        state = self._cell(cell)
        attempts = tuple(replace(one, **changed) if one.number == number else one for one in state.attempts)
        self._cells[cell] = replace(state, attempts=attempts)

    def _cell(self, name: str) -> CellState:
        return self._cells.get(name) or CellState(name)

    def _host(self, name: str) -> HostState:
        return self._hosts.get(name) or HostState(name)
