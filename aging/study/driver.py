"""The head of a study: asks the hosts, carries out what :mod:`aging.study.supervision` decides, writes the ledger.

Whatever has an effect on a host is in the ledger before it is asked of the host. A head that is killed leaves cells
that go on; the next one reads the ledger and asks the hosts.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from aging.core.errors import AgingError, ExitCode, StorageError
from aging.core.package_code import ChangedCodeError
from aging.core.tasks import cancel_all
from aging.study import commands, events
from aging.study.collection import FullError, collect
from aging.study.commands import AttemptId, Effect, Finish, Note, OnHost
from aging.study.events import StudyEvent
from aging.study.fleet import (
    AttemptKey,
    Fleet,
    HostFacts,
    HostLostError,
    Look,
    Node,
    Order,
    OtherCodeError,
    Reservation,
    said_of,
)
from aging.study.layout import StudyLayout
from aging.study.ledger import Ledger, LostLedgerError
from aging.study.reservations import give_back
from aging.study.shared_machines import machine_note, shared_machines
from aging.study.shortage import shortage
from aging.study.state import Attempt, CellState, Fold, HostState, StudyState
from aging.study.supervision import Inspected, Plan, Sight, View, decide

NODES_SECONDS = 5.0
ROOM_SECONDS = 60.0
UNRESERVED_SECONDS = 60.0
RESERVATIONS_SECONDS = 30.0
CLUSTER_SECONDS = 120.0
"""How long a cluster that does not answer is asked again, at least; ``patience`` where that is longer."""

GIVE_BACK_SECONDS = 30.0
"""How long a head that ends before its study waits until the cluster has back what no attempt needs."""

_SHORTEST_WAIT_SECONDS = 5.0
_LONGEST_WAIT_SECONDS = 60.0
_MOST_DOUBLINGS = 10
_AT_A_TIME = 64
_COLLECTIONS_AT_A_TIME = 8
_MOST_DISCARDS = 5

Outcome = Literal["completed", "incomplete", "interrupted", "cluster_lost"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a head runs: its plan, the study's id on the hosts, and the input files of every cell."""

    id: str
    plan: Plan
    files: Mapping[str, bytes] = field(default_factory=dict)


class GoneError(AgingError):
    """The folder of a study was removed, moved or replaced under the process that runs it."""

    exit_code = ExitCode.INCONCLUSIVE

    def __init__(self, lost: LostLedgerError, cluster: str | None, study: str) -> None:
        super().__init__(
            f"{lost}. The process of the study ends; cells that run go on. Where its folder is restored, or was moved: "
            "aging resume DIR; where its results are a URL: aging resume URL. Else, to stop its cells and give their "
            "hosts back: "
            f"aging stop --cluster {cluster or 'ADDRESS'} --study {study} --drain; their files stay on the hosts"
        )


class Head:
    """Runs a study to its end. :meth:`stop` ends it in order, :meth:`abandon` at once: its cells go on then."""

    def __init__(  # noqa: PLR0913 - what it joins
        self,
        subject: Subject,
        layout: StudyLayout,
        fleet: Fleet,
        *,
        ledger: Ledger,
        folded: Fold,
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._subject = subject
        self._plan = subject.plan
        self._layout = layout
        self._fleet = fleet
        self._ledger = ledger
        self._fold = folded
        self._tell = tell
        self._clock = clock
        self._view = View(begun=clock())
        self._cells = {cell.name: cell for cell in subject.plan.cells}
        self._wake = asyncio.Event()
        self._tasks: dict[asyncio.Task[None], Effect] = {}
        self._any = asyncio.Semaphore(_AT_A_TIME)
        self._collecting = asyncio.Semaphore(_COLLECTIONS_AT_A_TIME)
        self._asked: dict[str, int] = {}
        self._unheard: dict[str, str] = {}
        self._undiscarded: dict[AttemptId, int] = {}
        self._answered = clock()
        self._reservations_at = float("-inf")
        self._cluster_error: str | None = "not asked yet"
        self._full: str | None = None
        self._short: str | None = None
        self._together: set[tuple[str, ...]] = set()
        self._met = False
        self._abandoned = False
        self._failure: BaseException | None = None

    @property
    def state(self) -> StudyState:
        """The fold of the ledger so far."""
        return self._fold.state

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop."""
        return self._view.stopping

    def stop(self) -> None:
        """Stop every cell, collect what is sealed, and end."""
        self._view = replace(self._view, stopping=True)
        self._wake.set()

    def abandon(self) -> None:
        """End now."""
        self._abandoned = True
        self._wake.set()

    async def run(self) -> Outcome:
        """Return at the end of the study. Raises StorageError if the ledger cannot be written, or is gone.

        Raises GoneError if the study's folder is gone or was replaced. Hosts without a running attempt are given
        back first, but where the cells go on by themselves: after :meth:`abandon`, or without a cluster.
        """
        watching = asyncio.create_task(self._watch())
        watching.add_done_callback(self._failed)
        leave = False
        try:
            outcome = await self._run()
            leave = self._abandoned or outcome == "cluster_lost"
        except LostLedgerError as error:
            raise GoneError(error, self.state.cluster, self._subject.id) from None
        finally:
            starting = self._starting()
            await cancel_all([watching, *self._tasks])
            if not leave:
                await self._give_back(starting)
        self._record(events.StudyEnded(outcome=outcome, missing=missing(self._plan, self.state)))
        return outcome

    async def _run(self) -> Outcome:
        while not self._abandoned:
            self._wake.clear()
            if self._failure is not None:
                raise self._failure
            self._ledger.check()  # what is decided may have an effect long before its next line
            if self.stopping and not self.state.stopping:
                self._record(events.StudyStopping())
            if self._cluster_error is None:
                if self._step():
                    break
            elif self._clock() - self._answered >= self._cluster_patience:
                self._tell(f"The cluster has not answered for {self._cluster_patience:.0f} s: {self._cluster_error}")
                return "cluster_lost"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), NODES_SECONDS)
        if self._view.stopping or self._abandoned:
            return "completed" if not missing(self._plan, self.state) else "interrupted"
        return "incomplete" if missing(self._plan, self.state) else "completed"

    def _starting(self) -> Collection[AttemptKey]:
        """The attempts whose start or continuation is under way; it may be carried out after this process has ended."""
        asked = (one for one in self._tasks.values() if isinstance(one, commands.Start | commands.Resume))
        return [self._key(one.attempt) for one in asked]

    async def _give_back(self, starting: Collection[AttemptKey]) -> None:
        """Give back, within a bounded time, what is reserved for attempts that do not run: no next head may come."""
        giving = asyncio.create_task(give_back(self._fleet, self._subject.id, starting))
        await asyncio.wait([giving], timeout=GIVE_BACK_SECONDS)
        if giving.done() and giving.exception() is None:
            return
        await cancel_all([giving])
        self._tell("Hosts may stay reserved for this study: aging status --cluster ADDRESS lists them.")

    @property
    def _cluster_patience(self) -> float:
        return CLUSTER_SECONDS if self._view.stopping else max(self._plan.patience, CLUSTER_SECONDS)

    def _step(self) -> bool:
        """Carry out one decision; whether it was the last."""
        while True:
            decided = decide(self._plan, self.state, self._view, self._clock())
            notes = [one for one in decided if isinstance(one, Note)]
            if not notes:
                break
            for note in notes:
                self._record(note.event)
        for command in decided:
            if isinstance(command, Finish):
                return True
            if not isinstance(command, Note):
                self._begin(command)
        self._tell_shortage()
        if self._met and not any(isinstance(one, commands.Inspect) for one in self._tasks.values()):
            self._note_machines()
        return False

    def _tell_shortage(self) -> None:
        """Say once that there are too few different hosts, and again where there are others."""
        if self._view.stopping or not self._view.nodes:
            return
        short = shortage(self._plan.cells, self.state, self._plan.hosts)
        if short is not None and short != self._short:
            self._tell(short)
        self._short = short or self._short

    async def _watch(self) -> None:
        """Ask the cluster for its hosts, again and again."""
        while True:
            try:
                nodes = await self._fleet.nodes()
                await self._ask_reservations()
            except HostLostError as error:
                if self._cluster_error is None:
                    self._tell(f"The cluster does not answer: {error}")
                self._cluster_error = str(error)
            else:
                self._cluster_error = None
                self._answered = self._clock()
                alive = {one.host: one for one in nodes if one.alive}
                if alive != self._view.nodes:
                    gone = {host for host, node in self._view.nodes.items() if alive.get(host, _NONE).node != node.node}
                    self._view = replace(
                        self._view,
                        nodes=alive,
                        wait={host: until for host, until in self._view.wait.items() if host not in gone},
                        silent={host: since for host, since in self._view.silent.items() if host not in gone},
                    )
                self._record_silent()
                self._wake.set()
            await asyncio.sleep(NODES_SECONDS)

    def _record_silent(self) -> None:
        """Note the hosts that did not answer and that the cluster still has: one that left it is noted as lost."""
        for host, why in self._unheard.items():
            if host in self._view.nodes and self._host(host).silent is None:
                self._record(events.HostSilent(host=host, why=why))
        self._unheard.clear()

    async def _ask_reservations(self) -> None:
        """Which hosts other studies hold, as long as cells wait; asked of the cluster, and not of these hosts."""
        now = self._clock()
        if not self._plan.hosts.exclusive or now < self._reservations_at + RESERVATIONS_SECONDS or not self._waits():
            return
        self._reservations_at = now
        held: dict[str, set[str]] = {}
        for one in await self._fleet.reservations():
            if one.made and one.key.study != self._subject.id:
                held.setdefault(one.host, set()).add(f"study {one.key.study}")
        for host in self._view.nodes:
            known, by = self._host(host), ", ".join(sorted(held.get(host, ()))) or None
            if known.refused is not None or known.reserved_by == by:
                continue
            if by is not None:
                self._record(events.HostReserved(host=host, by=by))
            elif host in self._view.held:
                self._record(events.HostReserved(host=host, by=None))
                self._view = replace(self._view, touched={**self._view.touched, host: now})  # its facts are too old
        self._view = replace(self._view, held=frozenset(held))

    def _waits(self) -> bool:
        """Whether a cell has no attempt under way."""
        cells = (self.state.cells.get(name, CellState(name)) for name in self._cells)
        idle = (one for one in cells if one.result is None and one.given_up is None)
        return any(not one.attempts or not one.attempts[-1].live for one in idle)

    # Commands

    def _begin(self, command: Effect) -> None:
        self._view = replace(self._view, in_flight=self._view.in_flight | command.subjects)
        task = asyncio.create_task(self._carry_out(command))
        self._tasks[task] = command
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        command = self._tasks.pop(task)
        self._view = replace(self._view, in_flight=self._view.in_flight - command.subjects)
        self._failed(task)
        self._wake.set()

    def _failed(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = error
            self._wake.set()

    async def _carry_out(self, command: Effect) -> None:
        limit = self._collecting if isinstance(command, commands.Collect) else self._any
        async with limit:
            host = self._host_of(command)
            try:
                await self._effect(command)
            except HostLostError as error:
                self._unanswered(host, said_of(host, error))
                if isinstance(command, commands.Release):  # asks the cluster's head, which no wait for a host delays
                    await asyncio.sleep(_SHORTEST_WAIT_SECONDS)
            except (StorageError, ChangedCodeError):
                raise
            except OtherCodeError as error:
                if not isinstance(command, commands.Inspect) or self._is_needed(host):
                    raise OtherCodeError(
                        f"{error}. The study ends here and its cells go on; then: aging resume {self._layout.root}"
                    ) from None
                self._refused(command, host, said_of(host, error))
            except AgingError as error:
                self._refused(command, host, said_of(host, error))
            else:
                self._answered_by(host)

    def _host_of(self, command: Effect) -> str:
        if isinstance(command, OnHost):
            return command.node.host
        attempt = self._attempt(command.attempt)
        return "" if attempt is None else attempt.host

    def _is_needed(self, host: str) -> bool:
        """Whether an attempt is there that may become a result."""
        return any(one.live and one.host == host for cell in self.state.cells.values() for one in cell.attempts)

    async def _effect(self, command: Effect) -> None:
        match command:
            case commands.Inspect(node=node):
                await self._inspect(node)
            case commands.Place():
                await self._place(command)
            case commands.Reserve(node=node, attempt=at):
                await self._reserve(node, at)
            case commands.Look(node=node, attempts=attempts):
                looks = await self._fleet.look(node, [self._key(at) for at in attempts], self._scratch)
                for look in looks:
                    self._saw(node, look)
            case commands.Start(node=node, attempt=at):
                self._saw(node, await self._fleet.start(node, self._order(at)))
            case commands.Resume(node=node, attempt=at):
                self._record(events.AttemptResumed(cell=at.cell, number=at.number))
                self._view = replace(self._view, resumed={**self._view.resumed, at: self._clock()})
                self._saw(node, await self._fleet.resume(node, self._key(at), self._scratch))
            case commands.Stop(node=node, attempt=at):
                _, count = self._view.stopped.get(at, (0.0, 0))
                self._view = replace(self._view, stopped={**self._view.stopped, at: (self._clock(), count + 1)})
                self._saw(node, await self._fleet.stop(node, self._key(at), self._scratch))
            case commands.Collect():
                await self._collect(command)
            case commands.Discard(node=node, attempt=at):
                self._ledger.check()  # else the only copy of its files would be removed
                await self._fleet.discard(node, self._key(at), self._scratch)
                self._discarded(node.host, at)
            case commands.Release(attempt=at):
                await self._fleet.release(self._key(at))
                reserved = {key: node for key, node in self._view.reserved.items() if key != at}
                self._view = replace(self._view, released=self._view.released | {at}, reserved=reserved)

    async def _inspect(self, node: Node) -> None:
        facts = await self._fleet.facts(node, self._scratch)
        known = self.state.hosts.get(node.host)
        if known is None or known.facts is None or _lasting(known.facts) != _lasting(facts):
            self._record(events.HostSeen(facts=facts))
        self._heard(Inspected(node.node, self._clock(), facts), node.host)

    async def _place(self, command: commands.Place) -> None:
        if not await self._fleet.reserve(self._key(command.attempt), command.node, self._reservation):
            await self._not_free(command.node.host)
            return
        self._free_again(command.node.host)
        at, host = command.attempt, command.node.host
        cell = self.state.cells.get(at.cell, CellState(at.cell))
        if self._view.stopping or len(cell.attempts) + 1 != at.number:
            await self._fleet.release(self._key(at))
            return
        if command.instead is not None:
            self._record(events.AttemptLost(cell=at.cell, number=command.instead, why=command.why))
        self._record(events.AttemptPlaced(cell=at.cell, number=at.number, host=host))
        self._view = replace(self._view, reserved={**self._view.reserved, at: command.node.node})
        self._tell(f"{at.cell}: attempt {at.number} on {host}")

    async def _reserve(self, node: Node, at: AttemptId) -> None:
        if await self._fleet.reserve(self._key(at), node, self._reservation):
            self._view = replace(self._view, reserved={**self._view.reserved, at: node.node})
            self._free_again(node.host)
        else:
            await self._not_free(node.host)

    async def _not_free(self, host: str) -> None:
        """Another holds what a cell needs there; by whom, as far as the cluster knows."""
        holders = sorted({one.key.study for one in await self._fleet.reservations() if one.host == host})
        named = ("this study" if one == self._subject.id else f"study {one}" for one in holders)
        by = ", ".join(named) or "another program"
        if self._host(host).reserved_by != by:
            self._record(events.HostReserved(host=host, by=by))
        until = self._clock() + UNRESERVED_SECONDS
        self._view = replace(self._view, unreserved={**self._view.unreserved, host: until})

    def _free_again(self, host: str) -> None:
        if self._host(host).reserved_by is not None:
            self._record(events.HostReserved(host=host, by=None))

    async def _collect(self, command: commands.Collect) -> None:
        at, node = command.attempt, command.node
        sight = self._view.seen[at]
        folder = self._layout.attempt(at.cell, at.number)
        self._ledger.check()  # else it would be made again, without its ledger
        try:
            got = await collect(
                folder,
                command.files,
                lambda files: self._fleet.read(node, self._key(at), self._scratch, files),
                whole=command.whole,
            )
        except FullError as error:
            self._no_room(error)
            return
        if self._full is not None:
            self._full = None
            self._tell("There is room in the folder of results again; files are collected.")
        self._view = replace(self._view, collected={**self._view.collected, at: sight.look})
        if command.whole or got.copied:
            self._record(
                events.AttemptCollected(
                    cell=at.cell, number=at.number, files=got.files, size=got.size, whole=command.whole
                )
            )
        if command.whole:
            self._tell(f"{at.cell}: attempt {at.number} is here, {sight.look.state}")

    def _no_room(self, error: FullError) -> None:
        if self._full is None:
            self._tell(f"Files are not collected: {error}. The cells go on, and their files stay on their hosts.")
        self._full = str(error)
        self._view = replace(self._view, room_at=self._clock() + ROOM_SECONDS)

    # Answers

    def _saw(self, node: Node, look: Look) -> None:
        at = AttemptId(look.key.cell, look.key.number)
        first = at not in self._view.seen
        self._view = replace(self._view, seen={**self._view.seen, at: Sight(node.node, self._clock(), look)})
        one = self._attempt(at)
        if one is None:
            return
        if (one.state, one.why, *one.devices) == (look.state, look.why, *look.devices):
            if first and look.state != "absent":
                self._tell(f"{at.cell}: attempt {at.number} is {look.state} on {one.host}, as before")
            return
        if look.state == "absent" and one.state != "absent":
            return  # what it was stays known
        self._record(
            events.AttemptSeen(
                cell=at.cell,
                number=at.number,
                state=look.state,
                directory=look.directory,
                why=look.why,
                devices=tuple(look.devices),
            )
        )
        if one.state != look.state:
            self._tell(f"{at.cell}: attempt {at.number} is {look.state} on {one.host}{_because(look.why)}")

    def _heard(self, inspected: Inspected, host: str) -> None:
        self._view = replace(self._view, inspected={**self._view.inspected, host: inspected})

    def _discarded(self, host: str, at: AttemptId) -> None:
        self._view = replace(
            self._view,
            discarded=self._view.discarded | {at},
            touched={**self._view.touched, host: self._clock()},
        )

    def _refused(self, command: Effect, host: str, why: str) -> None:
        """A host that answered with a refusal."""
        match command:
            case commands.Inspect(node=node):
                self._heard(Inspected(node.node, self._clock(), None, why), host)
                self._answered_by(host)
            case commands.Start(node=node, attempt=at):
                self._saw(node, Look(self._key(at), "refused", why=why))
                self._answered_by(host)
            case commands.Collect(attempt=at, whole=whole):
                self._tell(f"{at.cell}: attempt {at.number} could not be collected from {host}: {why}")
                sight = self._view.seen.get(at)
                seen = {key: one for key, one in self._view.seen.items() if key != at}
                failed = self._view.failed.get(at, 0) + 1 if whole else 0
                collected = dict(self._view.collected)
                if not whole and sight is not None:
                    collected[at] = sight.look  # asked for again once more is sealed, or at the end
                    seen[at] = sight
                self._view = replace(
                    self._view, seen=seen, collected=collected, failed={**self._view.failed, at: failed}
                )
                self._answered_by(host)
            case commands.Discard(attempt=at):
                self._undiscarded[at] = self._undiscarded.get(at, 0) + 1
                if self._undiscarded[at] >= _MOST_DISCARDS:
                    self._tell(f"{at.cell}: attempt {at.number} stays on {host}: {why}")
                    self._discarded(host, at)
                self._unanswered(host, why)
            case _:
                self._unanswered(host, why)

    def _unanswered(self, host: str, why: str) -> None:
        now, count = self._clock(), self._asked.get(host, 0)
        self._unheard[host] = why
        self._asked[host] = count + 1
        wait = min(_SHORTEST_WAIT_SECONDS * 2 ** min(count, _MOST_DOUBLINGS), _LONGEST_WAIT_SECONDS)
        silent = self._view.silent if host in self._view.silent else {**self._view.silent, host: now}
        self._view = replace(self._view, wait={**self._view.wait, host: now + wait}, silent=silent)

    def _answered_by(self, host: str) -> None:
        self._asked.pop(host, None)
        self._unheard.pop(host, None)
        if self._host(host).silent is not None:
            self._record(events.HostSilent(host=host, why=None))
        if host in self._view.silent or host in self._view.wait:
            self._view = replace(
                self._view,
                wait={key: until for key, until in self._view.wait.items() if key != host},
                silent={key: since for key, since in self._view.silent.items() if key != host},
            )

    # The study

    def _record(self, event: StudyEvent) -> None:
        self._fold.add(self._ledger.record(event))
        match event:
            case events.HostSeen():
                self._met = True
            case events.HostLost(host=host):
                self._tell(f"{host} left the cluster")
            case events.HostReturned(host=host):
                self._tell(f"{host} is in the cluster again")
            case events.HostRefused(host=host, why=why):
                self._tell(f"{host} takes no cells: {why}")
            case events.HostBusy(host=host, by=by):
                self._tell(f"{host} is free" if by is None else f"waits for {host}, which runs {by}")
            case events.HostReserved(host=host, by=by):
                held = f"waits for {host}, which is reserved for {by}: aging status --cluster ADDRESS"
                self._tell(f"{host} is free" if by is None else held)
            case events.HostSilent(host=host, why=why):
                self._tell(f"{host} answers again" if why is None else f"{host} does not answer: {why}")
            case events.AttemptLost(cell=cell, number=number, why=why):
                self._tell(f"{cell}: attempt {number} is lost: {why}")
            case events.CellGivenUp(cell=cell, why=why):
                self._tell(f"{cell}: given up: {why}")

    def _note_machines(self) -> None:
        """Say, once, that hosts share a machine; after all hosts have answered that were asked."""
        self._met = False
        known = [one.facts for one in self.state.hosts.values() if one.facts is not None and one.refused is None]
        for names in map(tuple, shared_machines(known)):
            if names not in self._together:
                self._together.add(names)
                self._tell(f"Note: {machine_note(names)}.")

    def _key(self, at: AttemptId) -> AttemptKey:
        return AttemptKey(self._subject.id, at.cell, at.number)

    def _order(self, at: AttemptId) -> Order:
        exclusive = self._plan.hosts.exclusive
        return Order(self._key(at), self._cells[at.cell].campaign, self._scratch, self._subject.files, exclusive)

    @property
    def _reservation(self) -> Reservation:
        table = self._plan.hosts
        if table.exclusive:
            return Reservation(scratch=self._scratch)
        return Reservation(exclusive=False, cpus=table.cpus, gpus=table.devices, scratch=self._scratch)

    @property
    def _scratch(self) -> str:
        return self._plan.hosts.scratch

    def _host(self, name: str) -> HostState:
        return self.state.hosts.get(name, HostState(name))

    def _attempt(self, at: AttemptId) -> Attempt | None:
        cell = self.state.cells.get(at.cell, CellState(at.cell))
        return next((one for one in cell.attempts if one.number == at.number), None)


def missing(plan: Plan, state: StudyState) -> tuple[str, ...]:
    """The cells without a result, by name."""
    return tuple(cell.name for cell in plan.cells if state.cells.get(cell.name, CellState(cell.name)).result is None)


_NONE = Node("", "", alive=False)


def _lasting(facts: HostFacts) -> HostFacts:
    """The facts without what changes from second to second."""
    gpus = tuple(replace(gpu, used=None) for gpu in facts.gpus)
    return replace(facts, free=0, clock_offset=0.0, busy=None, shares=False, gpus=gpus, packages=dict(facts.packages))


def _because(why: str | None) -> str:
    return "" if why is None else f": {why}"
