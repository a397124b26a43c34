"""The load of a run, simulated: the package draws its schedule and writes its records, within this process."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aging.core.clock import ticks
from aging.load.heartbeat import Beat
from aging.load.job import Job
from analysis.accelerated.requests import Requests
from analysis.accelerated.world import World

_FIRST_LOAD_PID = 50_000_000


class SimulatedLoad:
    """Stands in for :class:`aging.runner.load_process.LoadProcess`: the load of one run, in this process, in steps of
    seconds.

    Its schedule, pulse, records and their files are those of ``python -m aging.load``; what is simulated is the
    server's answer and the way there.
    """

    def __init__(self, world: World) -> None:
        self.pid = _FIRST_LOAD_PID + int(10 * world.clock.host.true) + len(world.loads)
        self.finished: dict[str, Any] | None = None
        self.beat: Beat | None = None
        self.heard: float | None = None
        self.full: str | None = None
        self.failure: str | None = None
        self.ignored = 0
        self._world, self._clock = world, world.clock
        self._status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._resumed: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self._stopped = self._held = False
        self._requests: Requests | None = None

    def begin(self, job: Job) -> None:
        self.heard, self._held = self._clock.monotonic(), job.held
        name = job.endpoint.base_url.rpartition("/")[2]
        self._world.loads[name] = self
        self._world.began_load(job.folder, job.load_start - self._clock.monotonic())
        self._task = asyncio.create_task(self._run(job, name))

    async def resumed(self) -> int | None:
        return await asyncio.shield(self._resumed)

    async def hold(self, within: float = math.inf) -> int:
        self._held = True
        return await self._drain(None, within)

    def release(self, generation: int) -> None:
        if self._requests is not None:
            self._requests.release(generation)
        self._held = False

    def redirect(self, base_url: str, generation: int) -> None:
        if self._requests is not None:
            self._requests.redirect(base_url, generation)

    async def drained(self, generation: int, within: float = math.inf) -> bool:
        return not await self._drain(generation, within)

    async def cut(self, generation: int) -> int:
        return 0 if self._requests is None else self._requests.cut(self._clock.monotonic(), generation)

    async def _drain(self, generation: int | None, within: float) -> int:
        deadline = self._clock.monotonic() + within
        while self._requests is not None and not self._status.done() and (left := self._requests.in_flight(generation)):
            if self._clock.monotonic() >= deadline:
                return left
            await asyncio.sleep(0.1)  # its steps are seconds
        return 0

    def stop(self) -> None:
        self._stopped = True

    def take_failed_seals(self) -> list[dict[str, Any]]:
        return []

    def die(self) -> None:
        """As by SIGKILL: what was in flight leaves no record."""
        assert self._task is not None
        self._task.cancel()
        if self._requests is not None:
            self._requests.die()
        self._requests = None
        self._end(-9)

    async def wait(self) -> int:
        return await asyncio.shield(self._status)

    async def kill(self) -> None:
        if self._task is not None and not self._task.done():
            self.die()

    def _end(self, status: int) -> None:
        if not self._status.done():
            self._status.set_result(status)
        if not self._resumed.done():
            self._resumed.set_result(None)

    def _filled(self, reason: str) -> None:
        self.full = reason

    async def _run(self, job: Job, name: str) -> None:
        clock = self._clock
        self._requests = requests = Requests(job, self._world, name, self._filled)
        if job.resumed:
            self._resumed.set_result(requests.skip_overdue())
        async for _ in ticks(1.0, clock.monotonic()):
            now = clock.monotonic()
            requests.step(now, held=self._held, stopped=self._stopped)
            self.beat, self.heard = requests.beat(), now
            if (self._stopped or not self._held) and requests.over(now, stopped=self._stopped):
                break
        self.finished = requests.close()
        self._end(0)


@dataclass(frozen=True, slots=True)
class Loads:
    """In the place of the class :class:`aging.runner.load_process.LoadProcess`: starts simulated ones."""

    world: World

    async def start(self, _campaign: Path, _log: object) -> SimulatedLoad:
        await asyncio.sleep(0.5)
        return SimulatedLoad(self.world)
