"""What the head of a study does next: a pure function of its plan, its ledger, what is known of hosts, and the time.

The rules:

- A cell has one live attempt at a time. It is placed on a host that fits, is reserved and has no other attempt.
- A host that left the cluster has ``patience`` seconds to return. An attempt there is adopted if it runs, continued
  where its runner is gone, collected where it has ended. After that time a new attempt takes its place as soon as a
  host takes it; until then the old one may still return.
- An attempt whose disk is gone is lost at once. A lost attempt that turns up again, or is still there, is stopped,
  collected as evidence and never merged; until then its host takes no other. The first attempt that has completed and
  is collected as a whole is the cell's result.
- A cell has at most ``attempts`` attempts, and as many again each time that the study is resumed after it was given up;
  an attempt has at most ``resumes`` continuations in one life of the head.
- Running attempts are looked at rarely: after a quarter of what is left, 10 s to 30 min.
- An attempt is removed from its host once all of it is here and verified; then the host is free.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from aging.core.format import readable_duration
from aging.study import events
from aging.study.assignment import Placement, alike_value, choose, fits
from aging.study.cells import Cell
from aging.study.commands import (
    AttemptId,
    Collect,
    Command,
    Discard,
    Effect,
    Finish,
    Inspect,
    Look,
    Note,
    Place,
    Release,
    Reserve,
    Resume,
    Start,
    Stop,
)
from aging.study.fleet import AttemptState, HostFacts, Node
from aging.study.fleet import Look as Seen
from aging.study.schema import HostsTable
from aging.study.state import Attempt, CellState, HostState, StudyState

SHORTEST_LOOK_SECONDS = 10.0
LONGEST_LOOK_SECONDS = 1800.0
"""A look costs the measured host a second of CPU. Files are sealed hourly: a lost disk costs an hour and this."""

UNPLANNED_LOOK_SECONDS = 900.0
"""Until the next look at an attempt whose end is not known, because its servers still start."""

STARTING_LOOK_SECONDS = 60.0
"""Until the next look at an attempt that another process was starting."""

STOP_AGAIN_SECONDS = 900.0
"""A runner drains before it ends; a second interrupt would end it at once."""

FRESH_SECONDS = 60.0
"""How old the facts of a host may be when an attempt is placed there."""

FIRST_FACTS_SECONDS = 60.0
"""How long the first placements wait for the facts of all hosts, so that their order does not choose the hosts."""

SILENT_SECONDS = 60.0
"""A host that the cluster has and that has not answered for so long does not delay the end of a study."""

MOST_RESUMES = 10
LONGEST_RESUME_SECONDS = 900.0
"""Between two continuations of an attempt that ends soon after each."""

_MOST_STOPS = 3
_MOST_COLLECTIONS = 5

_LEFT: frozenset[AttemptState] = frozenset(("abandoned", "interrupted", "halted"))
"""States from which an attempt can be continued."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. ``cells`` are in the order in which they are placed."""

    cells: Sequence[Cell]
    hosts: HostsTable
    attempts: int
    patience: float
    seed: int = 0
    resumes: int = MOST_RESUMES


@dataclass(frozen=True, slots=True)
class Inspected:
    """What a host said of itself ``at`` a time as this ``node``; ``why`` it could not, if so."""

    node: str
    at: float
    facts: HostFacts | None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """An attempt as its host had it ``at`` a time as this ``node``."""

    node: str
    at: float
    look: Seen


@dataclass(frozen=True, slots=True)
class View:
    """What this process knows beside the ledger; all of it can be asked for again. Times are epoch seconds.

    ``nodes`` are the living hosts by name. ``wait`` is until when a host that did not answer is left alone, ``silent``
    since when it has not answered; ``touched`` is when an attempt was last removed from a host. ``unreserved`` is until
    when a host is not tried again that was in use by others; ``held`` are those that the cluster holds for other
    studies, where a cell takes all of a host. ``collected`` is the look whose files are all here,
    ``failed`` counts collections of an attempt that did not verify. ``room_at`` is when files are collected again
    after the folder of results was full.
    """

    begun: float
    nodes: Mapping[str, Node] = field(default_factory=dict)
    inspected: Mapping[str, Inspected] = field(default_factory=dict)
    wait: Mapping[str, float] = field(default_factory=dict)
    silent: Mapping[str, float] = field(default_factory=dict)
    touched: Mapping[str, float] = field(default_factory=dict)
    unreserved: Mapping[str, float] = field(default_factory=dict)
    held: AbstractSet[str] = frozenset()
    seen: Mapping[AttemptId, Sight] = field(default_factory=dict)
    reserved: Mapping[AttemptId, str] = field(default_factory=dict)
    resumed: Mapping[AttemptId, float] = field(default_factory=dict)
    stopped: Mapping[AttemptId, tuple[float, int]] = field(default_factory=dict)
    collected: Mapping[AttemptId, Seen] = field(default_factory=dict)
    failed: Mapping[AttemptId, int] = field(default_factory=dict)
    discarded: AbstractSet[AttemptId] = frozenset()
    released: AbstractSet[AttemptId] = frozenset()
    in_flight: AbstractSet[object] = frozenset()
    stopping: bool = False
    room_at: float = 0.0


def decide(plan: Plan, state: StudyState, view: View, now: float) -> Sequence[Command]:
    """The next commands: notes alone, which are written before anything else is decided, or effects, or the end."""
    decision = _Decision(plan, state, view, now)
    if notes := [*decision.of_hosts()]:
        return notes
    return decision.commands()


def look_pause(ends: float | None, *, starting: bool = False) -> float:
    """Seconds until a running attempt is looked at again; ``ends`` is when it is planned to end, in seconds."""
    if ends is None:
        return STARTING_LOOK_SECONDS if starting else UNPLANNED_LOOK_SECONDS
    return min(max(ends / 4, SHORTEST_LOOK_SECONDS), LONGEST_LOOK_SECONDS)


def reference(plan: Plan, state: StudyState) -> HostFacts | None:
    """The facts in which others must agree: of the host of the first attempt, else of one of the largest group."""
    if not plan.hosts.alike:
        return None
    placed = sorted((one.placed, one.host) for cell in state.cells.values() for one in cell.attempts)
    known = [host.facts for host in state.hosts.values() if host.facts is not None]
    for _, host in placed:
        if (facts := next((one for one in known if one.host == host), None)) is not None:
            return facts
    groups: dict[object, list[HostFacts]] = {}
    for facts in known:
        groups.setdefault(_alike(facts, plan.hosts.alike), []).append(facts)
    return max(groups.values(), key=len)[0] if groups else None


def _alike(facts: HostFacts, names: Sequence[str]) -> tuple[object, ...]:
    return tuple(
        tuple(sorted(facts.packages.items())) if one == "packages" else alike_value(facts, one) for one in names
    )


def _end_of(one: Attempt | None) -> str:
    return "" if one is None else one.lost or one.why or f"it ended as {one.state}"


class _Decision:
    """One decision; ``pending``: something is left to do that has to wait."""

    def __init__(self, plan: Plan, state: StudyState, view: View, now: float) -> None:
        self._plan = plan
        self._state = state
        self._view = view
        self._now = now
        self._notes: list[Note] = []
        self._effects: list[Effect] = []
        self._looks: dict[str, list[AttemptId]] = {}
        self._subjects = set(view.in_flight)
        self._pending = False
        self._unsettled: dict[str, list[Attempt]] = {}
        self._reference = reference(plan, state)
        self._whys: dict[str, str | None] = {}

    def of_hosts(self) -> Iterator[Note]:
        """Hosts that left and returned, that may not run cells, or may again."""
        for name, host in self._state.hosts.items():
            node = self._view.nodes.get(name)
            if node is None and host.lost is None:
                yield Note(events.HostLost(host=name))
            elif node is not None and host.lost is not None:
                yield Note(events.HostReturned(host=name))
        placed = {one.host for cell in self._state.cells.values() for one in cell.attempts}
        for name in sorted(placed - self._state.hosts.keys() - self._view.nodes.keys()):
            yield Note(events.HostLost(host=name))
        for name in self._view.nodes:
            why, known = self._why_not(name), self._state.hosts.get(name)
            refused = None if known is None else known.refused
            inspected = self._inspected(name)
            if why is not None and refused is None:
                yield Note(events.HostRefused(host=name, why=why))
            elif known is None:
                yield Note(events.HostAsked(host=name))
            elif why is None and refused is not None and inspected is not None and inspected.facts is not None:
                yield Note(events.HostSeen(facts=inspected.facts))

    def commands(self) -> Sequence[Command]:
        for cell in self._plan.cells:
            state = self._cell(cell.name)
            for one in state.attempts:
                self._tend(state, one)
        waiting = [*self._waiting()]
        if self._notes:
            return self._notes
        self._place(waiting)
        if self._notes:
            return self._notes
        for host, attempts in self._looks.items():
            self._effects.append(Look(self._view.nodes[host], tuple(attempts)))
        if not self._effects and not self._pending and not self._view.in_flight:
            return [Finish()]
        return self._effects

    # Attempts

    def _tend(self, cell: CellState, one: Attempt) -> None:  # noqa: PLR0911, PLR0912 - the rules in their order
        """What an attempt needs now."""
        at = AttemptId(cell.name, one.number)
        wanted = one.live and cell.result is None and cell.given_up is None and one is cell.attempts[-1]
        node = self._view.nodes.get(one.host)
        if node is None:
            if not wanted:
                self._release(at)
            return
        if at in self._view.discarded:
            self._release(at)
            return
        inspected = self._inspected(one.host)
        if inspected is None or inspected.facts is None:
            self._unsettled.setdefault(one.host, []).append(one)
            if inspected is None:
                self._inspect(node)
            else:  # it refused to say them: it is asked again like a host that does not fit
                self._again(one.host, inspected)
            return
        if one.live and one.disk is not None and inspected.facts.disk != one.disk:
            self._lose(at, f"the disk of {one.host} was lost")
            return  # what is left of it there is cleared away once this is noted: its runner may still run
        if self._view.failed.get(at, 0) >= _MOST_COLLECTIONS:
            if one.live:
                self._lose(at, f"its files on {one.host} cannot be read as they were written")
            self._release(at)
            return
        if one.collected:
            self._unsettled.setdefault(one.host, []).append(one)
            self._do(Discard(node, at), one.host)
            return
        sight = self._view.seen.get(at)
        if sight is None or sight.node != node.node:
            self._unsettled.setdefault(one.host, []).append(one)
            self._look(node, at)
            return
        if sight.look.state == "absent" and not (wanted and one.state == "absent"):
            if one.live and wanted:
                self._lose(at, f"{one.host} does not have it any more")
            self._release(at)
            return
        self._unsettled.setdefault(one.host, []).append(one)
        if not wanted:
            self._clear_away(node, at, sight)
        elif self._view.stopping:
            self._wind_up(node, at, sight)
        else:
            self._advance(node, at, one, sight)

    def _advance(self, node: Node, at: AttemptId, one: Attempt, sight: Sight) -> None:
        """An attempt that is to become the result."""
        look = sight.look
        reserved = self._view.reserved.get(at) == node.node
        if look.state == "running":
            if not reserved:
                self._reserve(node, at)
            self._pending = True
            due = sight.at + look_pause(look.ends, starting=look.starting)
            due = self._now if one.host in self._view.silent else due  # else it would count as silent until then
            if not self._collect(node, at, look, whole=False) and self._now >= due:
                self._look(node, at)
            return
        if look.state == "absent":
            if reserved:
                self._do(Start(node, at), one.host)
            else:
                self._reserve(node, at)
            return
        if look.state in _LEFT and look.resumable and one.resumes < self._plan.resumes:
            pause = 0.0 if one.resumes == 0 else min(30.0 * 2**one.resumes, LONGEST_RESUME_SECONDS)
            if not reserved:
                self._reserve(node, at)
            elif self._now >= self._view.resumed.get(at, 0.0) + pause:
                self._do(Resume(node, at), one.host)
            else:
                self._pending = True
            return
        self._close(node, at, sight)

    def _clear_away(self, node: Node, at: AttemptId, sight: Sight) -> None:
        """An attempt in whose place another one is, or was the first."""
        if sight.look.state == "running":
            self._stop(node, at, sight)
        else:
            self._close(node, at, sight)

    def _wind_up(self, node: Node, at: AttemptId, sight: Sight) -> None:
        """An attempt of a study that is being stopped: it stays on its host, and can be continued."""
        look = sight.look
        if look.state == "absent":
            self._release(at)
        elif look.state == "running":
            self._stop(node, at, sight)
        elif look.state in _LEFT and look.resumable:
            if look.state == "abandoned" and self._stops(at) < _MOST_STOPS:
                self._stop(node, at, sight)
            elif not self._collect(node, at, look, whole=False):
                self._release(at)
        else:
            self._close(node, at, sight)

    def _close(self, node: Node, at: AttemptId, sight: Sight) -> None:
        """An attempt that is not continued: what its runner has left is ended, and all of it is collected."""
        if sight.look.state == "abandoned" and self._stops(at) < _MOST_STOPS:
            self._stop(node, at, sight)
        else:
            self._collect(node, at, sight.look, whole=True)

    def _stop(self, node: Node, at: AttemptId, sight: Sight) -> None:
        asked, _ = self._view.stopped.get(at, (float("-inf"), 0))
        self._pending = True
        again = sight.look.starting and self._now >= sight.at + SHORTEST_LOOK_SECONDS  # it was not interrupted yet
        if again or self._now >= asked + STOP_AGAIN_SECONDS or (sight.look.state == "abandoned" and sight.at >= asked):
            self._do(Stop(node, at), node.host)
        elif self._now >= sight.at + SHORTEST_LOOK_SECONDS:
            self._look(node, at)

    def _stops(self, at: AttemptId) -> int:
        return self._view.stopped.get(at, (0.0, 0))[1]

    def _collect(self, node: Node, at: AttemptId, look: Seen, *, whole: bool) -> bool:
        """Whether files are to be collected first."""
        if not whole:
            done = self._view.collected.get(at)
            if not look.sealed or (done is not None and done.sealed == look.sealed):
                return False
            if self._view.failed.get(at, 0) >= _MOST_COLLECTIONS:
                return False
        if self._now < self._view.room_at:
            self._pending = self._pending or not self._view.stopping
            return False
        self._do(Collect(node, at, tuple(look.sealed), whole), node.host)
        return True

    def _release(self, at: AttemptId) -> None:
        if at in self._view.released or at in self._subjects:
            return
        self._subjects.add(at)
        self._effects.append(Release(at))

    def _reserve(self, node: Node, at: AttemptId) -> None:
        if self._now >= self._view.unreserved.get(node.host, 0.0):
            self._do(Reserve(node, at), node.host)
        else:
            self._pending = True

    def _lose(self, at: AttemptId, why: str) -> None:
        self._notes.append(Note(events.AttemptLost(cell=at.cell, number=at.number, why=why)))

    # Hosts

    def _inspected(self, host: str) -> Inspected | None:
        """What a host said since it joined the last time."""
        node, inspected = self._view.nodes.get(host), self._view.inspected.get(host)
        return None if node is None or inspected is None or inspected.node != node.node else inspected

    def _asked(self, host: str) -> bool:
        return self._inspected(host) is not None

    def _inspect(self, node: Node) -> None:
        self._do(Inspect(node), node.host)

    def _look(self, node: Node, at: AttemptId) -> None:
        if self._open(node.host) and at not in self._subjects:
            self._subjects.add(at)
            self._looks.setdefault(node.host, []).append(at)
            self._pending = True

    def _do(self, command: Effect, host: str) -> None:
        if self._open(host) and not self._subjects & command.subjects:
            self._subjects |= command.subjects
            self._effects.append(command)

    def _open(self, host: str) -> bool:
        """Whether a host may be asked now. One that has been silent for long does not delay the end."""
        since = self._view.silent.get(host)
        if since is None or self._now - since < SILENT_SECONDS:
            self._pending = True
        return self._now >= self._view.wait.get(host, 0.0)

    def _why_not(self, host: str) -> str | None:
        """Why a living host may not run cells; by what the cluster knows alone, until its facts are known."""
        if host not in self._whys:
            node, inspected = self._view.nodes[host], self._inspected(host)
            if inspected is not None and inspected.why is not None:
                self._whys[host] = inspected.why
            else:
                facts = None if inspected is None else inspected.facts
                self._whys[host] = fits(node, facts, self._plan.hosts, self._reference)
        return self._whys[host]

    # Placement

    def _waiting(self) -> Iterator[tuple[Cell, Attempt | None, str]]:
        """Cells that need a new attempt, with the one that it is in place of, if its host is missing, and why."""
        for cell in self._plan.cells:
            state = self._cell(cell.name)
            if state.result is not None or state.given_up is not None:
                continue
            last = state.attempts[-1] if state.attempts else None
            why = ""
            if last is not None and last.live:
                since = self._missing_since(last.host)
                if since is None or self._now - since < self._plan.patience:
                    self._pending = self._pending or not self._view.stopping
                    continue
                away = "was not in the cluster" if last.host not in self._view.nodes else "did not answer"
                why = f"{last.host} {away} for {readable_duration(self._plan.patience)}"
            if self._view.stopping:
                continue
            missing = last if last is not None and last.live else None
            if len(state.attempts) - state.before >= self._plan.attempts:
                if missing is not None:
                    self._lose(AttemptId(cell.name, missing.number), why)
                said = why or _end_of(last)
                count = "its only attempt" if len(state.attempts) == 1 else f"all {len(state.attempts)} attempts"
                self._give_up(cell, f"{count} failed; the last: {said}")
            else:
                self._pending = True
                yield cell, missing, why

    def _missing_since(self, host: str) -> float | None:
        if host in self._view.nodes:
            return self._view.silent.get(host)
        known = self._host(host)
        return None if known.lost is None else max(known.lost, self._view.begun)

    def _give_up(self, cell: Cell, why: str) -> None:
        self._notes.append(Note(events.CellGivenUp(cell=cell.name, why=why)))

    def _place(self, waiting: Sequence[tuple[Cell, Attempt | None, str]]) -> None:  # noqa: PLR0912 - likewise
        """Give waiting cells to free hosts."""
        if not waiting:
            return
        known: list[str] = []
        unknown: list[str] = []
        for host in self._view.nodes:
            inspected = self._inspected(host)
            if self._why_not(host) is not None:
                if inspected is not None:  # what it was refused for may have passed
                    self._again(host, inspected)
                continue
            if host in self._view.held and not self._unsettled.get(host):
                unknown.append(host)  # not asked: that would cost what is measured there a second of CPU
                continue
            if inspected is None or inspected.facts is None:
                if host not in self._view.silent or self._now - self._view.silent[host] < self._plan.patience:
                    unknown.append(host)
                self._inspect(self._view.nodes[host])
            elif self._free_of_others(inspected.facts) or self._unsettled.get(host):
                known.append(host)
                self._busy(host, None)
            else:  # another study's, or a campaign of its own
                unknown.append(host)
                self._busy(host, inspected.facts.busy)
                self._again(host, inspected)
        others = [one for one in unknown if one not in {*self._view.silent, *self._view.held} and not self._asked(one)]
        if others and self._now < self._view.begun + FIRST_FACTS_SECONDS:
            return
        past = self._past()
        used = {host for host, attempts in self._unsettled.items() if any(one.live for one in attempts)}
        used |= self._view.nodes.keys() & self._view.in_flight  # may be given an attempt just now
        room = {host: self._room(host) for host in known}
        for cell, missing, why in waiting:
            mine = [one for one in past if one.cell != cell.name and not one.lost]
            taken = {one.host for one in mine if one.variant == cell.variant} if self._plan.hosts.apart else set()
            among = known
            if self._plan.hosts.count is not None and len(used) >= self._plan.hosts.count:
                among = [host for host in known if host in used]
            free = {host for host in among if room[host] > 0 and self._ready(host)}
            before = {one.host for one in past if one.cell == cell.name}
            if {*known} - before - taken:
                free -= before
            if (to := choose(cell, among, past, self._plan.seed, apart=self._plan.hosts.apart, free=free)) is None:
                self._hopeless(cell, missing, why, taken, {*known, *unknown})
                continue
            number = len(self._cell(cell.name).attempts) + 1
            instead = None if missing is None else missing.number
            command = Place(self._view.nodes[to], AttemptId(cell.name, number), instead, why)
            before_this = len(self._effects)
            self._do(command, to)
            if len(self._effects) > before_this:
                room[to] = 0  # one placement a host at a time: the next one is decided with this one known
                used.add(to)
                past.append(Placement(cell.name, cell.variant, to))

    def _free_of_others(self, facts: HostFacts) -> bool:
        return facts.busy is None or (facts.shares and not self._plan.hosts.exclusive)

    def _ready(self, host: str) -> bool:
        """Whether an attempt may be placed on a host now; its facts are asked for again where they are too old."""
        inspected = self._inspected(host)
        if inspected is None or host in self._subjects or self._now < self._view.unreserved.get(host, 0.0):
            return False
        return not self._again(host, inspected)

    def _busy(self, host: str, by: str | None) -> None:
        if self._host(host).busy != by:
            self._notes.append(Note(events.HostBusy(host=host, by=by)))

    def _again(self, host: str, inspected: Inspected) -> bool:
        """Ask a host for its facts where they are too old; whether they are.

        One that runs another study's cell is asked ever more rarely, as that costs it a second of CPU.
        """
        fresh, since = FRESH_SECONDS, self._host(host).busy_since
        if since is not None:
            fresh = min(max((self._now - since) / 4, FRESH_SECONDS), LONGEST_LOOK_SECONDS)
        old = self._now - inspected.at > fresh or inspected.at < self._view.touched.get(host, 0.0)
        if old:
            self._inspect(self._view.nodes[host])
        return old

    def _room(self, host: str) -> int:
        """How many more cells a host can take now."""
        attempts, table = self._unsettled.get(host, []), self._plan.hosts
        if table.exclusive:
            return 0 if attempts else 1
        node = self._view.nodes[host]
        most = [node.cpus / table.cpus]
        if table.devices:
            inspected = self._inspected(host)
            gpus = () if inspected is None or inspected.facts is None else inspected.facts.gpus
            most.append(min(node.gpus, len(gpus)) / table.devices)
        return int(min(most)) - len(attempts)

    def _past(self) -> list[Placement]:
        variants = {cell.name: cell.variant for cell in self._plan.cells}
        return [
            Placement(
                name, variants[name], one.host, one.lost is not None or (one.collected and one.number != cell.counts)
            )
            for name, cell in self._state.cells.items()
            if name in variants
            for one in cell.attempts
        ]

    def _hopeless(
        self, cell: Cell, missing: Attempt | None, why: str, taken: AbstractSet[str], living: AbstractSet[str]
    ) -> None:
        """Give a cell up for which no host has been there for the time of patience."""
        if living - taken:
            return
        hosts = self._state.hosts.values()
        known = [one.lost for one in hosts if one.lost is not None and one.refused is None and one.name not in taken]
        of_variant = {one.name for one in self._plan.cells if one.variant == cell.variant}
        placed = [one.placed for name in of_variant for one in self._cell(name).attempts]
        if self._now - max([self._view.begun, *known, *placed]) < self._plan.patience:
            return
        if missing is not None:
            self._lose(AttemptId(cell.name, missing.number), why)
        said = readable_duration(self._plan.patience)
        if living & taken:
            reason = f"every host that fits has another replicate of {cell.variant} already (`hosts.apart`)"
        elif refused := [one for one in hosts if one.refused is not None]:
            listed = "; ".join(f"{one.name}: {one.refused}" for one in refused[:3])
            more = f"; and {len(refused) - 3} more" if len(refused) > 3 else ""
            reason = f"no host that fits was in the cluster for {said} ({listed}{more})"
        else:
            reason = f"no host was in the cluster for {said}"
        self._give_up(cell, reason)

    def _host(self, name: str) -> HostState:
        return self._state.hosts.get(name) or HostState(name)

    def _cell(self, name: str) -> CellState:
        return self._state.cells.get(name) or CellState(name)
