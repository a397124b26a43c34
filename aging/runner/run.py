"""One run under way: its server, and its load process or its time of observation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypedDict

from aging.campaign.plan import PlannedRun
from aging.campaign.schema import Campaign
from aging.core.clock import Timeline
from aging.core.errors import require, writing
from aging.core.records import HARNESS
from aging.core.tasks import cancel_all, run_unless
from aging.deployments.base import DeploymentBase
from aging.runner.free_ports import FreePort, FreePorts
from aging.runner.server import Server
from aging.store import events
from aging.store.events import Event, Journalize, RunKey
from aging.store.layout import REQUESTS, Layout
from aging.store.state import RunState

if TYPE_CHECKING:
    from aging.core.endpoint import Endpoint
    from aging.load.job import Job
    from aging.runner.load_process import LoadProcess
    from aging.runner.probe import WarmUp

_MOST_LOAD_PROCESSES = 5
"""Per run: a load process that dies again and again is not an accident."""


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
        """The source of the server's port: points of one deployment run in turn and share a port."""
        name = run.options.name
        treatment = self.campaign.treatments.get(name)
        return self.ports.of(name if treatment is None else treatment.base)


@dataclass(frozen=True, slots=True)
class _Load:
    """The load of a process. ``start`` is monotonic seconds; ``resumed``: the load had started before."""

    load_process: LoadProcess
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
    """A run from its launch to its end.

    ``prior`` is its state under an earlier runner, if it had started, and ``history`` its rejuvenations under it.
    """

    def __init__(
        self,
        run: PlannedRun,
        deployment: DeploymentBase[Any],
        prior: RunState | None,
        context: RunContext,
        history: Sequence[Event] = (),
    ) -> None:
        self.history = history
        self.run = run
        self.prior = prior
        self.server = Server(
            deployment, run.replica, context.layout, context.record_event, context.port(run), load=run.load
        )
        self.load_process: LoadProcess | None = None
        self.loads = 0 if prior is None else prior.loads
        """The number of its load processes so far."""
        self._start_recorded = prior is not None and prior.load_start is not None
        self._load: _Load | None = None
        self._held = False
        self._context = context

    @property
    def folder(self) -> Path:
        """The folder of its request records."""
        return self._context.layout.source(self.run.options.name, REQUESTS, self.run.replica)

    @property
    def prior_start(self) -> float | None:
        """When an earlier runner started its load or observation, on the campaign's timeline."""
        return None if self.prior is None else self.prior.load_start

    async def serve(self, lost: str | None) -> None:
        """Start its server, or take over the server that an earlier runner left.

        ``lost`` is why no such server can still run, if so. Raises DeploymentError, after journaling it.
        """
        # A campaign without load sends no probe either: a running process counts as ready.
        probe = self._context.campaign.load is not None
        if self.prior is None:
            await self.server.start(probe=probe)
        else:
            await self.server.resume(self.prior, self._context.timeline, lost, probe=probe)

    async def prepare(self, log: IO[bytes]) -> bool:
        """Start its load process, which then waits for its job; False if the campaign is interrupted before."""
        from aging.runner.load_process import LoadProcess  # noqa: PLC0415 - numpy, where a load is sent

        load_process = await run_unless(self._context.interrupted, LoadProcess.start(self._context.layout.root, log))
        if load_process is not None:
            self.load_process = load_process
        return load_process is not None

    def load(self, load_start: float, *, resumed: bool) -> None:
        """Send the load process its job: start at monotonic time ``load_start``, or continue a load."""
        context, run = self._context, self.run
        load_process = require(self.load_process, f"the load process of {run.options.name}")
        endpoint = require(self.server.endpoint, f"the endpoint of {run.options.name}")
        job = self._job(endpoint, load_start, resumed=resumed)
        load_process.begin(job)
        self._load = _Load(load_process, load_start, resumed)
        self.loads += 1
        if self._start_recorded:
            return
        self._start_recorded = True
        context.record_event(
            events.LoadStarted(
                **self._which,
                load_start=context.timeline.of(load_start),
                planned_seconds=context.campaign.duration,
                phases=[(phase.start, phase.end) for phase in job.phases()],
                pid=load_process.pid,
            )
        )

    async def follow(self) -> None:
        """Wait until its load ends. A dead server ends it early; a dead load process is replaced."""
        for _ in range(_MOST_LOAD_PROCESSES):
            load = require(self._load, f"the load of {self.run.options.name}")
            if await self._drive(load) or not self._may_continue(load):
                return
            with self._context.load_log() as log:
                if not await self.prepare(log) or not self._may_continue(load):
                    return
            self.load(load.start, resumed=True)

    def stop(self) -> None:
        """Stop arrivals: the load drains and ends."""
        if self.load_process is not None:
            self.load_process.stop()

    def _job(self, endpoint: Endpoint, load_start: float, *, resumed: bool) -> Job:
        from aging.load.job import Job  # noqa: PLC0415 - numpy, as above

        return Job(
            endpoint=endpoint,
            load=require(self.run.load, f"the load of {self.run.options.name}"),
            rate=self.run.options.rate,
            seed=self.run.seed,
            duration=self._context.campaign.duration,
            load_start=load_start,
            folder=self.folder,
            resumed=resumed,
            shift=self._context.timeline.shift,
            generation=self.server.generation,
            held=self._held,
        )

    # What a rejuvenation does with the load; without a load of the campaign, nothing.

    @property
    def held(self) -> bool:
        """Whether arrivals wait."""
        return self._held

    @property
    def loaded(self) -> bool:
        """Whether the campaign sends its load."""
        return self._context.campaign.load is not None

    async def hold(self, drain: float) -> int:
        """Let arrivals wait; return when no request is in flight. Those that outlast ``drain`` s are cut: how many."""
        self._held = True
        if (sending := self._sending) is None or not await sending.hold(drain):
            return 0
        return await sending.cut(self.server.generation)

    def release(self) -> None:
        """Send again, what has waited first."""
        self._held = False
        if (sending := self._sending) is not None:
            sending.release(self.server.generation)

    def redirect(self) -> None:
        """Send new requests to the generation that serves now; those in flight finish where they are."""
        if (sending := self._sending) is not None and (endpoint := self.server.endpoint) is not None:
            sending.redirect(endpoint.base_url, self.server.generation)

    async def drained(self, drain: float) -> int:
        """Wait until no request is in flight to earlier generations. Those that outlast ``drain`` s are cut: how many.

        To be called after :meth:`redirect`.
        """
        before = self.server.generation - 1
        if (sending := self._sending) is None or await sending.drained(before, drain):
            return 0
        return await sending.cut(before)

    async def warm_up(self, endpoint: Endpoint | None, within: float) -> WarmUp | None:
        """Send requests like those of the load until their latency is steady; None without a load or an address."""
        if self.run.load is None or endpoint is None:
            return None
        from aging.runner.probe import warm_up  # noqa: PLC0415 - numpy, as above

        return await warm_up(endpoint, self._job(endpoint, time.monotonic(), resumed=False), within)

    @property
    def _sending(self) -> LoadProcess | None:
        """The load process, if it has a job."""
        load_process = self.load_process
        return None if load_process is None or load_process.heard is None else load_process

    async def watch(self, start: float) -> None:
        """Observe from monotonic time ``start`` for the planned time, or until the process has ended for good."""
        context = self._context
        if self._start_recorded:
            context.record_event(events.WatchResumed(**self._which))
        else:
            born = self.server.born
            context.record_event(
                events.WatchStarted(
                    **self._which,
                    load_start=context.timeline.of(start),
                    planned_seconds=context.campaign.duration,
                    earlier=0.0 if born is None else max(start - born, 0.0),
                )
            )
        over = asyncio.create_task(context.interrupted.wait())
        gone = asyncio.create_task(self.server.follow_restarts())
        left = start + context.campaign.duration - time.monotonic()
        try:
            await asyncio.wait({over, gone}, timeout=max(left, 0.0), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_all([over, gone])
        context.record_event(events.WatchFinished(**self._which))

    async def _drive(self, given: _Load) -> bool:
        """Wait until a load process ends; whether it ended in order."""
        load_process = given.load_process
        load = asyncio.create_task(load_process.wait())
        resumed = asyncio.create_task(self._record_resumed(load_process)) if given.resumed else None
        death = asyncio.create_task(self.server.died.wait())
        try:
            await asyncio.wait({load, death}, return_when=asyncio.FIRST_COMPLETED)
            if death.done() and not load.done():
                load_process.stop()
            status = await load
        finally:
            await cancel_all([load, death])
            if resumed is not None:
                await asyncio.gather(resumed, return_exceptions=True)
        for failure in load_process.take_failed_seals():
            self._context.record_event(replace(failure, **self._which))
        finished = load_process.finished or {}
        in_order = status == 0 and bool(finished)
        if load_process.ignored:
            self._context.record_event(
                events.LoadOutputIgnored(**self._which, lines=load_process.ignored, first=load_process.first_ignored)
            )
        end: _End = {
            "exit": status,
            "schedule_hash": finished.get("schedule_hash"),
            "requests": finished.get("requests"),
            "unwritten": finished.get("unwritten") or 0,
            "dropped": finished.get("dropped") or 0,
        }
        if in_order:
            self._context.record_event(events.LoadFinished(**self._which, **end))
        else:
            self._context.record_event(events.LoadDied(**self._which, **end, reason=load_process.failure))
        return in_order

    def _may_continue(self, load: _Load) -> bool:
        over = time.monotonic() >= load.start + self._context.campaign.duration
        return not (over or self.server.died.is_set() or self._context.interrupted.is_set())

    async def _record_resumed(self, load_process: LoadProcess) -> None:
        self._context.record_event(
            events.LoadResumed(**self._which, first=await load_process.resumed(), pid=load_process.pid)
        )

    @property
    def _which(self) -> RunKey:
        return {"deployment": self.run.options.name, "replica": self.run.replica}
