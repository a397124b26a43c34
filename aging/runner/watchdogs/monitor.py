"""The watchdogs of a running campaign: read every second, and what follows from what they see."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aging.campaign.schema import WatchdogsTable
from aging.core.clock import ticks
from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS, Reading
from aging.runner.load_process import LoadProcess
from aging.runner.server import Server
from aging.runner.watchdogs import disk, load, memory
from aging.runner.watchdogs.alarms import Alarms
from aging.runner.watchdogs.memory import Memory
from aging.store.events import Journalize, Watchdog

_INTERVAL_SECONDS = 1.0
_CONFIRMED = 3
"""Looks in a row before somebody is ended: a moment's peak is no exhaustion."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A run that is going on, with its load process if it has one."""

    replica: int
    serving: Server
    driver: LoadProcess | None


class Watchdogs:
    """Watches disk, memory and loads until cancelled.

    ``runs`` are those of now; ``tell`` writes the journal; ``halt`` ends the campaign in order.
    """

    def __init__(
        self,
        table: WatchdogsTable,
        results: Path,
        runs: Callable[[], Sequence[Watched]],
        tell: Journalize,
        halt: Callable[[str], None],
    ) -> None:
        self._table = table
        self._results = results
        self._runs = runs
        self._tell = tell
        self._halt = halt
        self._alarms = Alarms(tell)
        self._sizes: dict[tuple[str, int], tuple[float, float]] = {}
        self._short = 0
        self._told_short = False

    def see(self, reading: Reading) -> None:
        """A reading of what a deployment holds: how much it has grown since its generation was ready."""
        if reading.owner == HARNESS or (size := reading.values.get(PRIMARY)) is None:
            return
        if any(run.serving.name == reading.owner and run.serving.age is not None for run in self._runs()):
            first, _ = self._sizes.get((reading.owner, reading.generation), (size, size))
            self._sizes[reading.owner, reading.generation] = first, size

    async def run(self) -> None:
        async for _ in ticks(_INTERVAL_SECONDS, time.monotonic()):
            self._look_at_disk()
            self._look_at_loads()
            await self._look_at_memory()

    def _look_at_disk(self) -> None:
        if reason := disk.too_little(disk.Room.of(self._results), self._table.disk_floor, self._table.inode_floor):
            self._halt(reason)

    def _look_at_loads(self) -> None:
        table = self._table
        for run in self._runs():
            driver = run.driver
            for failure in () if driver is None else driver.take_failed_seals():
                self._tell(replace(failure, deployment=run.serving.name, replica=run.replica))
            if driver is None or driver.heard is None or driver.finished is not None or run.serving.age is None:
                continue
            heard = time.monotonic() - driver.heard
            told = load.troubles(driver.beat, heard, table.silent_after, table.late_after)
            self._alarms.look((run.serving.name, run.replica), told)
            if driver.full is not None:
                self._halt(f"request records cannot be written: {driver.full}")

    async def _look_at_memory(self) -> None:
        reason = memory.too_little(Memory.now(), self._table.memory_floor)
        self._short = 0 if reason is None else self._short + 1
        if reason is None or self._short < _CONFIRMED:
            return
        self._short = 0
        ours = {
            run.serving.name: run for run in self._runs() if run.serving.deployment.options.ours and run.serving.born
        }
        growth = {name: self._grown(run.serving) for name, run in ours.items()}
        if (name := memory.offender(growth)) is None:
            if not self._told_short:
                self._tell(Watchdog(trouble="memory", message=f"{reason}; no deployment of ours is the cause"))
            self._told_short = True
        else:
            why = f"{reason}; of all deployments {name} has grown most, by {growth[name] / 2**20:.0f} MiB"
            run = ours[name]
            ended = f"{why}: it was ended"
            self._tell(Watchdog(deployment=name, replica=run.replica, trouble="memory", message=ended))
            await run.serving.give_up(f"ended by the campaign: {why}")

    def _grown(self, serving: Server) -> float:
        first, last = self._sizes.get((serving.name, serving.generation), (0.0, 0.0))
        return last - first
