"""The load of a run, simulated: the package draws its schedule and writes its records, within this process."""

from __future__ import annotations

import asyncio
import heapq
import math
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from aging.clock import ticks
from aging.load.__main__ import not_yet_due, on_timeline
from aging.load.job import Job
from aging.load.planned import PlannedRequest
from aging.load.pulse import Beat, Pulse
from aging.load.records import Records
from aging.model import Failure, RequestRecord, Status
from aging.store.segments import SegmentWriter
from analysis.accelerated.servers import Server
from analysis.accelerated.world import World

_FIRST_LOAD_PID = 50_000_000

_ANSWERS = 4096


@dataclass(frozen=True, slots=True)
class _Sent:
    """A request in flight."""

    request: PlannedRequest
    due: float
    sent: float
    first: float
    last: float
    generation: int
    held: bool


class SimulatedLoad:
    """In the place of :class:`aging.driving.Driver`: the load of one run, within this very process, in seconds' steps.

    Its schedule, pulse, records and their files are those of ``python -m aging.load``; what is simulated is the
    server's answer and the way there.
    """

    def __init__(self, world: World) -> None:
        self.pid = _FIRST_LOAD_PID + int(10 * world.clock.host.true) + len(world.loads)
        self.finished: dict[str, Any] | None = None
        self.beat: Beat | None = None
        self.heard: float | None = None
        self.full: str | None = None
        self._world, self._clock = world, world.clock
        self._status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._resumed: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self._empty = asyncio.Event()
        self._stopped = self._held = False
        self._generation = 1
        self._instant = 0.0

    def begin(self, job: Job) -> None:
        self.heard = self._clock.monotonic()
        name = job.endpoint.base_url.rpartition("/")[2]
        self._world.loads[name] = self
        self._world.began_load(job.folder, job.load_start - self._clock.monotonic())
        self._task = asyncio.create_task(self._run(job, name))

    async def resumed(self) -> int | None:
        return await asyncio.shield(self._resumed)

    async def hold(self) -> None:
        self._held = True
        self._empty.clear()
        await self._empty.wait()

    def release(self, generation: int) -> None:
        self._generation, self._held = generation, False

    def stop(self) -> None:
        self._stopped = True

    def die(self) -> None:
        """As by SIGKILL: what was in flight leaves no record."""
        assert self._task is not None
        self._task.cancel()
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
        self._empty.set()

    async def _run(self, job: Job, name: str) -> None:  # noqa: PLR0912, PLR0915 - one load from its start to its end
        clock, world, server = self._clock, self._world, self._world.servers[name]
        records = Records(SegmentWriter(job.folder), lambda reason: setattr(self, "full", reason))
        pulse = Pulse(job.load_start, lambda: self._instant)
        digest, requests, cap = job.digest(), job.requests(), job.load.concurrency_cap
        if job.resumed:
            first = not_yet_due(requests, job.load_start, digest.add)
            self._resumed.set_result(None if first is None else first.number)
            requests = chain(() if first is None else (first,), requests)
        answers = _Answers(server, np.random.default_rng([world.seed, job.seed, int(clock.host.true)]))
        flying: list[tuple[float, int, _Sent]] = []
        backlog: list[PlannedRequest] = []
        upcoming, drained = next(requests, None), math.inf

        def write(one: _Sent, finished: float, status: Status, failure: Failure | None = None, error: str = "") -> None:
            self._instant, ok = finished, status == "ok"
            asked, streaming = one.request.output_tokens, one.request.streaming and ok
            spread = answers.next() if streaming else 0.0
            done = RequestRecord(
                index=one.request.number,
                generation=one.generation,
                scheduled=one.due,
                sent=None if status == "dropped" else one.sent,
                first_token=one.first if streaming else None,
                last_token=one.last if ok else None,
                finished=finished,
                streaming=one.request.streaming,
                prompt_tokens=one.request.prompt_tokens,
                output_tokens_asked=asked,
                output_tokens=asked if ok else None,
                http_status=200 if ok else None,
                status=status,
                error=error or None,
                held=one.held,
                failure=failure,
                itl_p50=server.token * (1 + 0.02 * spread) if streaming else None,
                itl_p99=server.token * (1.6 + 0.1 * spread) if streaming else None,
                stall=server.token * (2.5 + 0.5 * abs(spread)) if streaming else None,
            )
            pulse.recorded(done)
            records.write(on_timeline(done, job.shift))

        def send(request: PlannedRequest, at: float, *, held: bool) -> None:
            due, sent = job.load_start + request.at, at + answers.delay()
            life = world.lives[name]
            first, last = answers.times(request, sent)
            one = _Sent(request, due, sent, first, last, self._generation, held)
            if life.how is not None:
                write(one, sent + 0.001, "error", "connect", "ConnectError: All connection attempts failed")
            else:
                heapq.heappush(flying, (last + 0.0005, request.number, one))

        async for _ in ticks(1.0, clock.monotonic()):
            now = clock.monotonic()
            silent_from, silent_to = world.silences.get(name, (math.inf, math.inf))
            while not self._stopped and upcoming is not None and job.load_start + upcoming.at <= now:
                self._instant = job.load_start + upcoming.at
                digest.add(upcoming)
                pulse.arrived(upcoming)
                while flying and flying[0][0] <= self._instant and not silent_from <= flying[0][0] < silent_to:
                    finished, _number, one = heapq.heappop(flying)
                    write(one, finished, "ok")
                if self._held or backlog:
                    backlog.append(upcoming)
                elif len(flying) >= cap:
                    due = job.load_start + upcoming.at
                    write(_Sent(upcoming, due, due, due, due, self._generation, False), due, "dropped")
                else:
                    send(upcoming, job.load_start + upcoming.at, held=False)
                upcoming = next(requests, None)
            while backlog and not self._held and len(flying) < cap:
                send(backlog.pop(0), now, held=True)
            if world.lives[name].how is not None:
                for _at, _number, one in sorted(flying):
                    write(one, now, "error", "reset", "ReadError: connection reset by peer")
                flying.clear()
            while flying and flying[0][0] <= now:
                finished, number, one = heapq.heappop(flying)
                if silent_from <= finished < silent_to:  # it is answered once the server speaks again
                    later = silent_to - finished
                    if finished + later - one.sent > job.load.timeout:
                        write(one, now, "error", "timeout", f"no whole answer within {job.load.timeout:g} s")
                        continue
                    put_off = replace(one, first=one.first + later, last=one.last + later)
                    heapq.heappush(flying, (finished + later, number, put_off))
                else:
                    write(one, finished, "ok")
            self._instant = now
            self.beat, self.heard = pulse.now(len(flying) + len(backlog)), now
            if not flying:
                self._empty.set()
            if self._stopped or upcoming is None:
                drained = min(drained, now + job.load.drain)
                if now >= drained:
                    for _at, _number, one in sorted(flying):
                        write(one, now, "error", "cut", "not finished when the run ended")
                    flying.clear()
                if not flying:
                    break
        unwritten = records.close()
        self.finished = {"schedule_hash": str(digest), "requests": digest.requests, "unwritten": unwritten}
        self._end(0)


@dataclass(frozen=True, slots=True)
class Loads:
    """In the place of the class :class:`aging.driving.Driver`: starts simulated ones."""

    world: World

    async def start(self, _campaign: Path, _log: object) -> SimulatedLoad:
        await asyncio.sleep(0.5)
        return SimulatedLoad(self.world)


class _Answers:
    """When a server answers: chance drawn some thousands at a time."""

    def __init__(self, server: Server, rng: np.random.Generator) -> None:
        self._server, self._rng = server, rng
        self._normal: list[float] = []

    def next(self) -> float:
        if not self._normal:
            self._normal = self._rng.normal(size=_ANSWERS).tolist()
        return self._normal.pop()

    def delay(self) -> float:
        """From when a request is due to when it is sent."""
        return 0.0003 * math.exp(0.5 * self.next())

    def times(self, request: PlannedRequest, sent: float) -> tuple[float, float]:
        """First and last token."""
        first = sent + self._server.ttft * (0.3 + request.prompt_tokens / 2000) * math.exp(0.25 * self.next())
        return first, first + self._server.token * request.output_tokens * math.exp(0.08 * self.next())
