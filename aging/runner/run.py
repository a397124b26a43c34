"""One run that is under way: its server, and its load process or the time that it is only watched."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from aging.campaign.plan import PlannedRun
from aging.campaign.schema import Campaign
from aging.core.clock import Timeline
from aging.core.errors import require, writing
from aging.core.records import HARNESS
from aging.core.tasks import cancel_all, run_unless
from aging.deployments.base import DeploymentBase
from aging.load.job import Job
from aging.runner.free_ports import FreePort, FreePorts
from aging.runner.load_process import LoadProcess
from aging.runner.server import Server
from aging.store.layout import Layout
from aging.store.state import RunState

_MOST_LOAD_PROCESSES = 5
"""Of one run: one that dies again and again is no accident."""

Journalize = Callable[..., object]


@dataclass(frozen=True, slots=True)
class RunContext:
    """What the runs of a round share. ``record_event`` writes the journal; ``interrupted`` is set to end it all."""

    campaign: Campaign
    layout: Layout
    timeline: Timeline
    record_event: Journalize
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

    load_process: LoadProcess
    start: float
    resumed: bool


class ActiveRun:
    """A run from its launch to its end. ``prior`` is what a runner before this one knew of it, where it had begun."""

    def __init__(
        self, run: PlannedRun, deployment: DeploymentBase[Any], prior: RunState | None, context: RunContext
    ) -> None:
        self.run = run
        self.prior = prior
        self.server = Server(deployment, run.replica, context.layout, context.record_event, context.port(run))
        self.load_process: LoadProcess | None = None
        self.loads = 0 if prior is None else prior.loads
        """Load processes that it has had."""
        self._told = prior is not None and prior.load_start is not None
        self._load: _Load | None = None
        self._context = context

    @property
    def folder(self) -> Path:
        """Where its request records go."""
        return self._context.layout.source(self.run.options.name, "requests", self.run.replica)

    @property
    def prior_start(self) -> float | None:
        """When its load, or its watch, began under a runner before this one, on the campaign's timeline."""
        return None if self.prior is None else self.prior.load_start

    async def serve(self, lost: str | None) -> None:
        """Start its server, or take over the one that a runner before this one left.

        ``lost`` says why none can still live, where that is so. Raises DeploymentError, which the journal then tells.
        """
        # Where the campaign drives no load, no request is ours: whatever runs is ready.
        probe = self._context.campaign.load is not None
        if self.prior is None:
            await self.server.start(probe=probe)
        else:
            await self.server.resume(self.prior, self._context.timeline, lost, probe=probe)

    async def prepare(self, log: IO[bytes]) -> bool:
        """Start its load process, which then waits for its job; False where everything is to end before that."""
        load_process = await run_unless(self._context.interrupted, LoadProcess.start(self._context.layout.root, log))
        if load_process is not None:
            self.load_process = load_process
        return load_process is not None

    def load(self, load_start: float, *, resumed: bool) -> None:
        """Give the load process its job: to send from monotonic time ``load_start`` on, or go on with what began."""
        context, run = self._context, self.run
        load_process = require(self.load_process, f"the load process of {run.options.name}")
        job = Job(
            endpoint=require(self.server.endpoint, f"the endpoint of {run.options.name}"),
            load=require(run.load, f"the load of {run.options.name}"),
            rate=run.options.rate,
            seed=run.seed,
            duration=context.campaign.duration,
            load_start=load_start,
            folder=self.folder,
            resumed=resumed,
            shift=context.timeline.shift,
        )
        load_process.begin(job)
        if self.server.generation > 1:
            load_process.release(self.server.generation)
        self._load = _Load(load_process, load_start, resumed)
        self.loads += 1
        if self._told:
            return
        self._told = True
        self._record_event(
            "load_started",
            load_start=context.timeline.of(load_start),
            planned_seconds=context.campaign.duration,
            phases=[(phase.start, phase.end) for phase in job.phases()],
            pid=load_process.pid,
        )

    async def follow(self) -> None:
        """Wait for its load to end; a dead server ends it early, a load process that died is replaced."""
        for _ in range(_MOST_LOAD_PROCESSES):
            load = require(self._load, f"the load of {self.run.options.name}")
            if await self._drive(load) or not self._may_go_on(load):
                return
            with self._context.load_log() as log:
                if not await self.prepare(log) or not self._may_go_on(load):
                    return
            self.load(load.start, resumed=True)

    def stop(self) -> None:
        """No more arrivals: the load drains and ends."""
        if self.load_process is not None:
            self.load_process.stop()

    async def watch(self, start: float) -> None:
        """Look on from monotonic time ``start`` for as long as a load would take, or until there is nobody left."""
        context = self._context
        if self._told:
            self._record_event("watch_resumed")
        else:
            born = self.server.born
            self._record_event(
                "watch_started",
                load_start=context.timeline.of(start),
                planned_seconds=context.campaign.duration,
                earlier=0.0 if born is None else max(start - born, 0.0),
            )
        over = asyncio.create_task(context.interrupted.wait())
        gone = asyncio.create_task(self.server.follow_restarts())
        left = start + context.campaign.duration - time.monotonic()
        try:
            await asyncio.wait({over, gone}, timeout=max(left, 0.0), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_all([over, gone])
        self._record_event("watch_finished")

    async def _drive(self, given: _Load) -> bool:
        """Wait for the end of a load process; whether it ended in order."""
        load_process = given.load_process
        load = asyncio.create_task(load_process.wait())
        told = asyncio.create_task(self._tell_resumed(load_process)) if given.resumed else None
        death = asyncio.create_task(self.server.died.wait())
        try:
            await asyncio.wait({load, death}, return_when=asyncio.FIRST_COMPLETED)
            if death.done() and not load.done():
                load_process.stop()
            status = await load
        finally:
            await cancel_all([load, death])
            if told is not None:
                await asyncio.gather(told, return_exceptions=True)
        for failure in load_process.take_failed_seals():
            self._record_event("sealing_failed", **failure)
        finished = load_process.finished or {}
        in_order = status == 0 and bool(finished)
        if load_process.ignored:
            self._record_event("load_output_ignored", lines=load_process.ignored, first=load_process.first_ignored)
        self._record_event(
            "load_finished" if in_order else "load_died",
            exit=status,
            schedule_hash=finished.get("schedule_hash"),
            requests=finished.get("requests"),
            **{name: finished[name] for name in ("unwritten", "dropped") if finished.get(name)},
            **({} if in_order or load_process.failure is None else {"reason": load_process.failure}),
        )
        return in_order

    def _may_go_on(self, load: _Load) -> bool:
        over = time.monotonic() >= load.start + self._context.campaign.duration
        return not (over or self.server.died.is_set() or self._context.interrupted.is_set())

    async def _tell_resumed(self, load_process: LoadProcess) -> None:
        self._record_event("load_resumed", first=await load_process.resumed(), pid=load_process.pid)

    def _record_event(self, kind: str, **details: Any) -> None:
        self._context.record_event(kind, self.run.options.name, replica=self.run.replica, **details)
