"""A guard's state machine under virtual time: a server that leaks, an action that restarts it, no process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aging.core.clock import Stamp, Timeline
from aging.core.processes.ownership import Identity
from aging.core.records import TREE, Reading
from aging.guard.decisions import DecisionJournal, read_decisions
from aging.guard.options import MEMORY, guarding
from aging.guard.state import StateFolder
from aging.guard.watch import Ended, Watch

START = Stamp(1_800_000_000.0, 1_000_000.0)
MIB = 2.0**20
DAY = 86_400.0

THRESHOLD: Mapping[str, Any] = {"policy": "threshold", "window": "60s", "command": ["restart"], "distance": "10m"}


@dataclass
class Simulation:
    """Steps of ``interval`` seconds; ``watch`` is the guard's, ``said`` its log."""

    folder: Path
    table: Mapping[str, Any] = field(default_factory=lambda: THRESHOLD)
    options: Mapping[str, Any] = field(default_factory=lambda: {"limit": "1GiB"})
    interval: float = 30.0
    leak_per_hour: float = 1024 * MIB
    base: float = 100 * MIB
    helps: bool = True
    said: list[str] = field(default_factory=list)
    now: Stamp = START
    pid: int = 100
    born: float = START.mono
    journals: list[DecisionJournal] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watch = self.new_watch()

    def new_watch(self) -> Watch:
        """The guard, or the next one after its end."""
        folder = StateFolder(self.folder)
        state, damage = folder.load()
        assert damage is None
        given = guarding(None, {"name": "server", **self.options}, self.table)
        journal = DecisionJournal(self.folder)
        self.journals.append(journal)
        watch = Watch(given, state, folder, journal, self.said.append, Timeline())
        watch.arrived(Identity(self.pid, 1), self.now.mono - self.born, self.now)
        self.watch = watch
        return watch

    def close(self) -> None:
        """Close its files."""
        for journal in self.journals:
            journal.close()

    @property
    def level(self) -> float:
        return self.base + self.leak_per_hour * (self.now.mono - self.born) / 3600

    def step(self) -> bool:
        """One turn of the guard's loop; whether an action has begun."""
        self.now = Stamp(self.now.wall + self.interval, self.now.mono + self.interval)
        room = {"limit_host_memory_bytes": 8192 * MIB, "limit_host_memory_room_bytes": 8192 * MIB - self.level}
        values = {MEMORY: self.level, "process_fds": 10.0, **room}
        number = 1 if self.watch.state.server is None else self.watch.state.server.generation
        self.watch.see([Reading(self.watch.guarding.label, TREE, number, values)], self.now)
        decision = self.watch.ask(self.now)
        self.watch.tick(self.now)
        if decision is None:
            return False
        assert self.watch.begin(decision, self.now, "acting") is not None
        return True

    def act(self, *, outcome: str = "helped", seconds: float = 20.0) -> None:
        """The action's end ``seconds`` later: a new process, unless it failed."""
        self.now = Stamp(self.now.wall + seconds, self.now.mono + seconds)
        if outcome == "helped":
            self.restart(self.base if self.helps else 2 * self.level)
        self.watch.end(Ended(outcome, seconds), self.now)  # type: ignore[arg-type]

    def restart(self, base: float) -> None:
        """The next process, which begins at ``base`` bytes, is there and read."""
        self.pid, self.born, self.base = self.pid + 1, self.now.mono, base
        self.watch.arrived(Identity(self.pid, 1), 0.0, self.now)
        server = self.watch.state.server
        assert server is not None
        self.watch.see([Reading(self.watch.guarding.label, TREE, server.generation, {MEMORY: base})], self.now)

    def until_action(self, longest: float = 3 * DAY) -> float | None:
        """Seconds until an action begins; None if none does."""
        began = self.now.mono
        while self.now.mono - began < longest:
            if self.step():
                return self.now.mono - began
        return None

    def decisions(self) -> Sequence[dict[str, Any]]:
        """The lines of the journal."""
        return list(read_decisions(self.folder))
