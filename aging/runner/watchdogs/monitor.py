"""The loop over the watchdogs: reads every second, and acts on their decisions."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from aging.campaign.schema import WatchdogsTable
from aging.core.clock import ticks
from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS, Reading
from aging.runner.server import Server
from aging.runner.watchdogs import disk, load, memory
from aging.runner.watchdogs.alarms import Alarms
from aging.runner.watchdogs.memory import Memory
from aging.store.events import Journalize, Watchdog

if TYPE_CHECKING:
    from aging.runner.load_process import LoadProcess

WATCHFUL_SECONDS = 1.0
CALM_SECONDS = 5.0
"""Where the campaign has started nothing that could fill the host."""

_CONFIRMED = 3
"""Consecutive looks before a server is ended: a short peak is not exhaustion."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A run under way, with its load process if it has one."""

    replica: int
    server: Server
    load_process: LoadProcess | None


class Watchdogs:
    """Watches disk, memory and loads until cancelled.

    ``runs`` returns the runs under way; ``record_event`` writes the journal; ``halt`` ends the campaign in order.
    """

    def __init__(
        self,
        table: WatchdogsTable,
        results: Path,
        runs: Callable[[], Sequence[Watched]],
        record_event: Journalize,
        halt: Callable[[str], None],
    ) -> None:
        self._table = table
        self._results = results
        self._runs = runs
        self._record_event = record_event
        self._halt = halt
        self.interval = WATCHFUL_SECONDS
        """Seconds between two looks."""
        self._alarms = Alarms(record_event)
        self._sizes: dict[tuple[str, int], tuple[float, float]] = {}
        self._short = 0
        self._shortage_reported = False

    def see(self, reading: Reading) -> None:
        """Note the growth of a deployment since its generation became ready."""
        if reading.owner == HARNESS or (size := reading.values.get(PRIMARY)) is None:
            return
        if any(run.server.name == reading.owner and run.server.age is not None for run in self._runs()):
            first, _ = self._sizes.get((reading.owner, reading.generation), (size, size))
            self._sizes[reading.owner, reading.generation] = first, size

    async def run(self) -> None:
        async for _ in ticks(self.interval, time.monotonic()):
            self._look_at_disk()
            self._look_at_loads()
            await self._look_at_memory()

    def _look_at_disk(self) -> None:
        if reason := disk.too_little(disk.Room.of(self._results), self._table.disk_floor, self._table.inode_floor):
            self._halt(reason)

    def _look_at_loads(self) -> None:
        table = self._table
        for run in self._runs():
            load_process = run.load_process
            for failure in () if load_process is None else load_process.take_failed_seals():
                self._record_event(replace(failure, deployment=run.server.name, replica=run.replica))
            if (
                load_process is None
                or load_process.heard is None
                or load_process.finished is not None
                or run.server.age is None
            ):
                continue
            heard = time.monotonic() - load_process.heard
            troubles = load.troubles(load_process.beat, heard, table.silent_after, table.late_after)
            self._alarms.look((run.server.name, run.replica), troubles)
            if load_process.full is not None:
                self._halt(f"request records cannot be written: {load_process.full}")

    async def _look_at_memory(self) -> None:
        reason = memory.too_little(Memory.now(), self._table.memory_floor)
        self._short = 0 if reason is None else self._short + 1
        if reason is None or self._short < _CONFIRMED:
            return
        self._short = 0
        servers = {
            run.server.name: run for run in self._runs() if run.server.deployment.options.owned and run.server.born
        }
        growth = {name: self._grown(run.server) for name, run in servers.items()}
        if (name := memory.offender(growth)) is None:
            if not self._shortage_reported:
                self._record_event(
                    Watchdog(trouble="memory", message=f"{reason}; none of this campaign's servers has grown")
                )
            self._shortage_reported = True
        else:
            why = f"{reason}; {name} has grown most, by {growth[name] / 2**20:.0f} MiB"
            run = servers[name]
            ended = f"{why}: it was ended"
            self._record_event(Watchdog(deployment=name, replica=run.replica, trouble="memory", message=ended))
            await run.server.end_for_good(f"ended by the campaign: {why}")

    def _grown(self, server: Server) -> float:
        first, last = self._sizes.get((server.name, server.generation), (0.0, 0.0))
        return last - first
