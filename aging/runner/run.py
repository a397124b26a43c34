"""One run that is under way: its server, and its load process or the time that it is only watched."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, TypedDict

from aging.campaign.plan import PlannedRun
from aging.campaign.schema import Campaign
from aging.core.clock import Timeline
from aging.core.errors import needed, writing
from aging.core.records import HARNESS
from aging.core.tasks import cancelled, unless
from aging.deployments.base import DeploymentBase
from aging.load.job import Job
from aging.runner.free_ports import FreePort, FreePorts
from aging.runner.load_process import LoadProcess
from aging.runner.server import Server
from aging.store import events
from aging.store.events import Journalize, RunKey
from aging.store.layout import Layout
from aging.store.state import RunState

_MOST_LOAD_PROCESSES = 5
"""Of one run: one that dies again and again is no accident."""


@dataclass(frozen=True, slots=True)
class RunContext:
    """What the runs of a round share. ``tell`` writes the journal; ``interrupted`` is set when everything is to end."""

    campaign: Campaign
    layout: Layout
    timeline: Timeline
    tell: Journalize
    interrupted: asyncio.Event
    ports: FreePorts

    def load_log(self) -> IO[bytes]:
        """What load processes print."""
        log = self.layout.run(HARNESS) / "load.log"
        with writing(log):
            return log.open("ab")

    def port(self, run: PlannedRun) -> FreePort:
        """Where a run's server gets its port from: points of one deployment take turns, and have one."""
        name = run.options.name
        treatment = self.campaign.treatments.get(name)
        return self.ports.of(name if treatment is None else treatment.base)


@dataclass(frozen=True, slots=True)
class _Load:
    """A load that a process was given. ``start`` is monotonic seconds; ``resumed`` is of one that had begun before."""

    driver: LoadProcess
    start: float
    resumed: bool


class _End(TypedDict):
    """How a load process ended, as its event has it."""

    exit: int
    schedule_hash: str | None
    requests: int | None
    unwritten: int
    dropped: int


class ActiveRun:
    """A run from its launch to its end. ``past`` is what a runner before this one knew of it, where it had begun."""

    def __init__(
        self, run: PlannedRun, deployment: DeploymentBase[Any], past: RunState | None, stage: RunContext
    ) -> None:
        self.run = run
        self.past = past
        self.serving = Server(deployment, run.replica, stage.layout, stage.tell, stage.port(run))
        self.driver: LoadProcess | None = None
        self.loads = 0 if past is None else past.loads
        """Load processes that it has had."""
        self._told = past is not None and past.load_start is not None
        self._load: _Load | None = None
        self._stage = stage

    @property
    def folder(self) -> Path:
        """Where its request records go."""
        return self._stage.layout.source(self.run.options.name, "requests", self.run.replica)

    @property
    def begun_at(self) -> float | None:
        """When its load, or its watch, began under a runner before this one, on the campaign's timeline."""
        return None if self.past is None else self.past.load_start

    async def serve(self, lost: str | None) -> None:
        """Start its server, or take over the one that a runner before this one left.

        ``lost`` says why none can still live, where that is so. Raises DeploymentError, which the journal then tells.
        """
        # Where the campaign drives no load, no request is ours: whatever runs is ready.
        probe = self._stage.campaign.load is not None
        if self.past is None:
            await self.serving.start(probe=probe)
        else:
            await self.serving.resume(self.past, self._stage.timeline, lost, probe=probe)

    async def prepare(self, log: IO[bytes]) -> bool:
        """Start its load process, which then waits for its job; False where everything is to end before that."""
        driver = await unless(self._stage.interrupted, LoadProcess.start(self._stage.layout.root, log))
        if driver is not None:
            self.driver = driver
        return driver is not None

    def load(self, load_start: float, *, resumed: bool) -> None:
        """Give the load process its job: to send from monotonic time ``load_start`` on, or go on with what began."""
        stage, run = self._stage, self.run
        driver = needed(self.driver, f"the load process of {run.options.name}")
        job = Job(
            endpoint=needed(self.serving.endpoint, f"the endpoint of {run.options.name}"),
            load=needed(run.load, f"the load of {run.options.name}"),
            rate=run.options.rate,
            seed=run.seed,
            duration=stage.campaign.duration,
            load_start=load_start,
            folder=self.folder,
            resumed=resumed,
            shift=stage.timeline.shift,
        )
        driver.begin(job)
        if self.serving.generation > 1:
            driver.release(self.serving.generation)
        self._load = _Load(driver, load_start, resumed)
        self.loads += 1
        if self._told:
            return
        self._told = True
        stage.tell(
            events.LoadStarted(
                **self._which,
                load_start=stage.timeline.of(load_start),
                planned_seconds=stage.campaign.duration,
                phases=[(phase.start, phase.end) for phase in job.phases()],
                pid=driver.pid,
            )
        )

    async def follow(self) -> None:
        """Wait for its load to end; a dead server ends it early, a load process that died is replaced."""
        for _ in range(_MOST_LOAD_PROCESSES):
            load = needed(self._load, f"the load of {self.run.options.name}")
            if await self._drive(load) or not self._may_go_on(load):
                return
            with self._stage.load_log() as log:
                if not await self.prepare(log) or not self._may_go_on(load):
                    return
            self.load(load.start, resumed=True)

    def stop(self) -> None:
        """No more arrivals: the load drains and ends."""
        if self.driver is not None:
            self.driver.stop()

    async def watch(self, start: float) -> None:
        """Look on from monotonic time ``start`` for as long as a load would take, or until there is nobody left."""
        stage = self._stage
        if self._told:
            stage.tell(events.WatchResumed(**self._which))
        else:
            born = self.serving.born
            stage.tell(
                events.WatchStarted(
                    **self._which,
                    load_start=stage.timeline.of(start),
                    planned_seconds=stage.campaign.duration,
                    earlier=0.0 if born is None else max(start - born, 0.0),
                )
            )
        over = asyncio.create_task(stage.interrupted.wait())
        gone = asyncio.create_task(self.serving.gone_for_good())
        left = start + stage.campaign.duration - time.monotonic()
        try:
            await asyncio.wait({over, gone}, timeout=max(left, 0.0), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancelled([over, gone])
        stage.tell(events.WatchFinished(**self._which))

    async def _drive(self, given: _Load) -> bool:
        """Wait for the end of a load process; whether it ended in order."""
        driver = given.driver
        load = asyncio.create_task(driver.wait())
        told = asyncio.create_task(self._tell_resumed(driver)) if given.resumed else None
        death = asyncio.create_task(self.serving.died.wait())
        try:
            await asyncio.wait({load, death}, return_when=asyncio.FIRST_COMPLETED)
            if death.done() and not load.done():
                driver.stop()
            status = await load
        finally:
            await cancelled([load, death])
            if told is not None:
                await asyncio.gather(told, return_exceptions=True)
        for failure in driver.take_failed_seals():
            self._stage.tell(replace(failure, **self._which))
        finished = driver.finished or {}
        in_order = status == 0 and bool(finished)
        if driver.ignored:
            self._stage.tell(events.LoadOutputIgnored(**self._which, lines=driver.ignored, first=driver.first_ignored))
        end: _End = {
            "exit": status,
            "schedule_hash": finished.get("schedule_hash"),
            "requests": finished.get("requests"),
            "unwritten": finished.get("unwritten") or 0,
            "dropped": finished.get("dropped") or 0,
        }
        if in_order:
            self._stage.tell(events.LoadFinished(**self._which, **end))
        else:
            self._stage.tell(events.LoadDied(**self._which, **end, reason=driver.failure))
        return in_order

    def _may_go_on(self, load: _Load) -> bool:
        over = time.monotonic() >= load.start + self._stage.campaign.duration
        return not (over or self.serving.died.is_set() or self._stage.interrupted.is_set())

    async def _tell_resumed(self, driver: LoadProcess) -> None:
        self._stage.tell(events.LoadResumed(**self._which, first=await driver.resumed(), pid=driver.pid))

    @property
    def _which(self) -> RunKey:
        return {"deployment": self.run.options.name, "replica": self.run.replica}
