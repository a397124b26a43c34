"""A cluster in virtual time: hosts that die, return, lose their disk and leave calls without an answer; no process.

Time passes from event to event. The head's part is played here, too: it carries out the commands that
:func:`aging.study.supervision.decide` gives, and is killed and begun again from its ledger.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from random import Random
from typing import Any

from aging.study import commands, events
from aging.study.commands import AttemptId, Finish, Note
from aging.study.events import StudyEvent
from aging.study.fleet import AttemptKey, AttemptState, File, HostFacts, Look, Node
from aging.study.state import Attempt, CellState, Fold, StudyState
from aging.study.supervision import Inspected, Plan, Sight, View, decide

PYTHON = __import__("platform").python_version()


def facts(host: str, disk: str, busy: str | None = None) -> HostFacts:
    return HostFacts(
        host,
        disk,
        "cpu",
        8,
        2**36,
        "6.1",
        "2.36",
        PYTHON,
        version("llm-aging"),
        "550.1",
        None,
        (),
        {},
        2**40,
        busy=busy,
    )


@dataclass(slots=True)
class VirtualAttempt:
    """An attempt on its host's disk. ``left`` is the load that is still to be done, seconds."""

    left: float
    state: AttemptState = "running"
    since: float = 0.0
    stopping: float | None = None
    starts: int = 1

    def at(self, now: float) -> None:
        """Bring it to ``now``."""
        if self.state != "running":
            return
        if self.stopping is not None and now >= self.stopping:
            self.left = max(self.left - (self.stopping - self.since), 0.0)
            self.state = "interrupted" if self.left > 0 else "completed"
        elif now - self.since >= self.left:
            self.left, self.state = 0.0, "completed"


@dataclass(slots=True)
class VirtualHost:
    """A host. ``outcome`` is how a campaign ends there where it does not complete."""

    name: str
    alive: bool = True
    joined: int = 0
    disk: int = 0
    reachable: bool = True
    outcome: AttemptState | None = None
    attempts: dict[AttemptId, VirtualAttempt] = field(default_factory=dict)
    reserved: AttemptId | None = None

    @property
    def node(self) -> Node:
        return Node(self.name, f"{self.name}/{self.joined}", self.alive, cpus=8)


class World:
    """Hosts, the study's head, and the faults between them. ``seconds`` is the length of every cell."""

    def __init__(self, plan: Plan, hosts: Sequence[str], seed: int = 0, unanswered: float = 0.0) -> None:
        self.plan = plan
        self.hosts = {name: VirtualHost(name) for name in hosts}
        self.now = 1000.0
        self.random = Random(seed)
        self.unanswered = unanswered
        self.ledger: list[StudyEvent] = []
        self.fold = Fold()
        self.view = View(begun=self.now)
        self.finished = False
        self.decisions = 0
        self.both: list[str] = []
        self.inspections: list[float] = []
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._life = 0
        self.begin()

    @property
    def state(self) -> StudyState:
        return self.fold.state

    def at(self, when: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (when, next(self._count), action))

    # The head

    def begin(self) -> None:
        """Begin the head, or begin it again after it was killed: only the ledger stays."""
        self._life += 1
        self.fold = Fold()
        for event in self.ledger:
            self.fold.add(event)
        self.view = View(begun=self.now)
        self.record(events.StudyStarted(pid=self._life, cluster="virtual"))

    def record(self, event: StudyEvent) -> None:
        event = replace(event, wall=self.now)
        self.ledger.append(event)
        self.fold.add(event)

    def run(self, until: float) -> None:
        """Decide every 10 s of virtual time, with what happens in between, until the study has ended."""
        while not self.finished and self.now < until:
            while self._queue and self._queue[0][0] <= self.now:
                heapq.heappop(self._queue)[2]()
            self._step()
            following = [self.now + 10.0] + ([self._queue[0][0]] if self._queue else [])
            self.now = max(min(following), self.now + 0.01)

    def _step(self) -> None:
        for host in self.hosts.values():
            for attempt in host.attempts.values():
                attempt.at(self.now)
        alive = {host.name: host.node for host in self.hosts.values() if host.alive}
        self.view = replace(self.view, nodes=alive)
        while True:
            self.decisions += 1
            decided = decide(self.plan, self.state, self.view, self.now)
            notes = [one for one in decided if isinstance(one, Note)]
            for note in notes:
                self.record(note.event)
            if not notes:
                break
        for command in decided:
            if isinstance(command, Finish):
                self.finished = True
            elif not isinstance(command, Note):
                self._send(command)

    def _send(self, command: commands.Effect) -> None:
        """What must be in the ledger before is written; the effect and its answer come later, or one of them not."""
        self.view = replace(self.view, in_flight=self.view.in_flight | command.subjects)
        if isinstance(command, commands.Resume):
            self.record(events.AttemptResumed(cell=command.attempt.cell, number=command.attempt.number))
            self._set("resumed", command.attempt, self.now)
        if isinstance(command, commands.Stop):
            count = self.view.stopped.get(command.attempt, (0.0, 0))[1]
            self._set("stopped", command.attempt, (self.now, count + 1))
        life, delay = self._life, self.random.uniform(0.1, 4.0)
        self.at(self.now + delay, lambda: self._arrive(command, life))

    def _arrive(self, command: commands.Effect, life: int) -> None:
        if life != self._life:
            if self.random.random() < 0.5:  # the call of a killed head was already on its way
                self._carry_out(command)
            return
        lost = self.random.random()
        node = None if isinstance(command, commands.Release) else command.node
        host = None if node is None else self.hosts[node.host]
        reachable = host is None or (host.alive and host.reachable and host.node == node)
        answer = self._carry_out(command) if reachable and lost >= self.unanswered / 2 else None
        self.view = replace(self.view, in_flight=self.view.in_flight - command.subjects)
        if answer is None or lost < self.unanswered:  # not carried out, or carried out and not answered
            if host is not None:
                silent = self.view.silent.get(host.name, self.now)
                self._set("silent", host.name, silent)
                self._set("wait", host.name, self.now + 10)
            return
        if host is not None:
            self._drop("silent", host.name)
            self._drop("wait", host.name)
        answer()

    def _carry_out(self, command: commands.Effect) -> Callable[[], None]:  # noqa: PLR0911, PLR0912 - one case a command
        match command:
            case commands.Release(attempt=at):
                for host in self.hosts.values():
                    if host.reserved == at:
                        host.reserved = None

                def released() -> None:
                    self._drop("reserved", at)
                    self.view = replace(self.view, released={*self.view.released, at})

                return released
            case commands.Inspect(node=node):
                host = self.hosts[node.host]
                told = facts(host.name, f"{host.name}-{host.disk}", self._busy(host))
                return lambda: self._inspected(node, told)
            case commands.Look(node=node, attempts=attempts):
                looks = [self._look(node.host, at) for at in attempts]

                def seen() -> None:
                    for look in looks:
                        self._saw(node, look)

                return seen
            case commands.Place(node=node, attempt=at):
                free = self._reserve(node.host, at)
                return lambda: self._placed(command, free=free)
            case commands.Reserve(node=node, attempt=at):
                free = self._reserve(node.host, at)
                if free:
                    return lambda: self._set("reserved", at, node.node)
                return lambda: self._set("unreserved", node.host, self.now + 60)
            case commands.Start(node=node, attempt=at):
                self._start(self.hosts[node.host], at)
            case commands.Resume(node=node, attempt=at):
                one = self.hosts[node.host].attempts.get(at)
                if one is not None and one.state in ("abandoned", "interrupted", "halted"):
                    self._exclusive(self.hosts[node.host], at)
                    one.state, one.since, one.stopping = "running", self.now, None
            case commands.Stop(node=node, attempt=at):
                one = self.hosts[node.host].attempts.get(at)
                if one is not None and one.state == "running":
                    one.stopping = one.stopping or self.now + self.random.uniform(1, 30)
                elif one is not None and one.state == "abandoned":
                    one.state = "interrupted"
            case commands.Collect(node=node, attempt=at, files=files, whole=whole):
                one = self.hosts[node.host].attempts.get(at)
                same = one is not None and tuple(self._look(node.host, at).sealed) == tuple(files)
                return lambda: self._collected(at, files, whole=whole, same=same)
            case commands.Discard(node=node, attempt=at):
                one = self.hosts[node.host].attempts.get(at)
                assert one is None or one.state not in ("running", "abandoned"), f"{at} is discarded while it runs"
                self.hosts[node.host].attempts.pop(at, None)
                return lambda: self._discarded(node.host, at)
        look = self._look(command.node.host, command.attempt)
        return lambda: self._saw(command.node, look)

    # Answers

    def _inspected(self, node: Node, told: HostFacts) -> None:
        self.inspections.append(self.now)
        known = self.state.hosts.get(node.host)
        if known is None or known.facts is None or known.facts.disk != told.disk:
            self.record(events.HostSeen(facts=replace(told, busy=None)))
        self._set("inspected", node.host, Inspected(node.node, self.now, told))

    def _placed(self, command: commands.Place, *, free: bool) -> None:
        if not free:
            self._set("unreserved", command.node.host, self.now + 60)
            return
        at = command.attempt
        if command.instead is not None:
            self.record(events.AttemptLost(cell=at.cell, number=command.instead, why=command.why))
        self.record(events.AttemptPlaced(cell=at.cell, number=at.number, host=command.node.host))
        self._set("reserved", at, command.node.node)

    def _saw(self, node: Node, look: Look) -> None:
        at = AttemptId(look.key.cell, look.key.number)
        self._set("seen", at, Sight(node.node, self.now, look))
        one = self.attempt(at)
        if one is not None and look.state not in (one.state, "absent"):
            self.record(events.AttemptSeen(cell=at.cell, number=at.number, state=look.state))

    def _collected(self, at: AttemptId, files: Sequence[File], *, whole: bool, same: bool) -> None:
        sight = self.view.seen[at]
        if not same:
            self._drop("seen", at)
            return
        self._set("collected", at, sight.look)
        self.record(
            events.AttemptCollected(cell=at.cell, number=at.number, files=len(files), size=len(files), whole=whole)
        )

    def _discarded(self, host: str, at: AttemptId) -> None:
        self.view = replace(self.view, discarded={*self.view.discarded, at})
        self._set("touched", host, self.now)

    # Hosts

    def _busy(self, host: VirtualHost) -> str | None:
        return next((str(at) for at, one in host.attempts.items() if one.state == "running"), None)

    def _look(self, name: str, at: AttemptId) -> Look:
        key = AttemptKey("s", at.cell, at.number)
        one = self.hosts[name].attempts.get(at)
        if one is None:
            return Look(key, "absent")
        one.at(self.now)
        done = int(self.plan.cells[0].seconds - one.left) // 3600
        ended = one.state not in ("running", "abandoned")
        sealed = tuple(File(f"{hour}", 1, "x") for hour in range(done + 1)) + ((File("end", 1, "x"),) if ended else ())
        ends = max(one.left - (self.now - one.since), 0.0) if one.state == "running" else None
        resumable = one.state in ("abandoned", "interrupted", "halted")
        return Look(key, one.state, ends, resumable, sealed=sealed)

    def _reserve(self, name: str, at: AttemptId) -> bool:
        host = self.hosts[name]
        if not self.plan.hosts.exclusive:  # there is room: that of every cell is counted by who decides
            return True
        if host.reserved not in (None, at):
            return False
        for other in self.hosts.values():
            if other.reserved == at:
                other.reserved = None
        host.reserved = at
        return True

    def _start(self, host: VirtualHost, at: AttemptId) -> None:
        if at in host.attempts:
            return
        self._exclusive(host, at)
        one = host.attempts[at] = VirtualAttempt(self.plan.cells[0].seconds, since=self.now)
        if host.outcome is not None:
            one.state = host.outcome

    def _exclusive(self, host: VirtualHost, at: AttemptId) -> None:
        if not self.plan.hosts.exclusive:
            return
        self.both += [f"{at} beside {other} on {host.name}" for other, one in host.attempts.items()
                      if one.state == "running" and other != at]  # fmt: skip

    # Faults

    def kill_host(self, name: str, *, disk: bool = False, runner: bool = True) -> None:
        """A power cut: its campaigns stop where they are. Without ``runner`` only the cluster loses it."""
        host = self.hosts[name]
        host.alive = False
        host.reserved = None
        for one in host.attempts.values():
            one.at(self.now)
            if one.state == "running" and runner:
                one.left -= self.now - one.since
                one.state = "abandoned"
        if disk:
            host.attempts.clear()
            host.disk += 1

    def lose_disk(self, name: str) -> None:
        """Only the id of its disk: what runs there goes on."""
        self.hosts[name].disk += 1

    def return_host(self, name: str) -> None:
        self.hosts[name].alive = True
        self.hosts[name].joined += 1

    # The view

    def attempt(self, at: AttemptId) -> Attempt | None:
        cell = self.state.cells.get(at.cell, CellState(at.cell))
        return next((one for one in cell.attempts if one.number == at.number), None)

    def _set(self, name: str, key: object, value: object) -> None:
        changed: dict[str, Any] = {name: {**getattr(self.view, name), key: value}}
        self.view = replace(self.view, **changed)

    def _drop(self, name: str, key: object) -> None:
        changed: dict[str, Any] = {name: {k: v for k, v in getattr(self.view, name).items() if k != key}}
        self.view = replace(self.view, **changed)
