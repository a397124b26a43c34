"""Requests of a simulated load: due, waiting, in flight, answered, and the record that each of them leaves."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np

from aging.core.records import Failure, RequestRecord, Status
from aging.load.heartbeat import Beat, Pulse, objectives_of
from aging.load.job import Job
from aging.load.process import not_yet_due, on_timeline
from aging.load.record_writer import Records
from aging.load.schedule.planned_request import PlannedRequest
from aging.store.segments import SegmentWriter
from analysis.accelerated.servers import Life, Server
from analysis.accelerated.world import World

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
    life: Life


class Requests:
    """The requests of one job to the server ``name``, second by second; ``full`` is called once the disk is."""

    def __init__(self, job: Job, world: World, name: str, full: Callable[[str], None]) -> None:
        self._job, self._world, self._name = job, world, name
        self._server = world.servers[name]
        self._writer = SegmentWriter(job.folder)
        self._records = Records(self._writer, full)
        self._pulse = Pulse(job.load_start, lambda: self._instant, objectives_of(job.load))
        self._digest, self._requests = job.digest(), job.requests()
        self._answers = _Answers(
            self._server, np.random.default_rng([world.seed, job.seed, int(world.clock.host.true)])
        )
        self._flying: list[tuple[float, int, _Sent]] = []
        self._backlog: list[PlannedRequest] = []
        self._drained = math.inf
        self.redirect(job.endpoint.base_url, job.generation)
        self._instant = 0.0
        self._upcoming: PlannedRequest | None = None
        if not job.resumed:
            self._upcoming = next(self._requests, None)

    def die(self) -> None:
        """As by SIGKILL: the file is closed, and what waits for room on the disk is gone."""
        self._writer.close()

    @property
    def idle(self) -> bool:
        return not self._flying

    def in_flight(self, generation: int | None = None) -> int:
        """Requests in flight to servers up to ``generation``."""
        return sum(generation is None or one.generation <= generation for _, _, one in self._flying)

    def redirect(self, base_url: str, generation: int) -> None:
        """Send to another address from the present second on."""
        self._address, self._life, self._generation = base_url, self._world.addresses[base_url], generation

    def release(self, generation: int) -> None:
        """Send to another start of the server at the same address."""
        self.redirect(self._address, generation)

    def cut(self, now: float, generation: int) -> int:
        """End the requests in flight to servers up to ``generation``."""
        before = len(self._flying)
        self._fail(now, "cut", "cut by a rejuvenation", lambda one: one.generation <= generation)
        return before - len(self._flying)

    def skip_overdue(self) -> int | None:
        """Leave out what was due before now; the number of the first request that is sent."""
        first = not_yet_due(self._requests, self._job.load_start, self._digest.add)
        self._requests = chain(() if first is None else (first,), self._requests)
        self._upcoming = next(self._requests, None)
        return None if first is None else first.number

    def step(self, now: float, *, held: bool, stopped: bool) -> None:
        """All that happens until ``now``."""
        if not stopped:
            self._take_arrivals(now, held=held)
        while self._backlog and not held and len(self._flying) < self._job.load.concurrency_cap:
            self._send(self._backlog.pop(0), now, held=True)
        self._fail(now, "reset", "ReadError: connection reset by peer", lambda one: one.life.how is not None)
        self._take_answers(now)
        self._instant = now

    def beat(self) -> Beat:
        return self._pulse.now(len(self._flying) + len(self._backlog))

    def over(self, now: float, *, stopped: bool) -> bool:
        """Whether the load has come to its end; what is still in flight when its drain ends is cut."""
        if not stopped and self._upcoming is not None:
            return False
        self._drained = min(self._drained, now + self._job.load.drain)
        if now >= self._drained:
            self._fail(now, "cut", "not finished when the run ended")
            return self.idle
        return self.idle and not self._backlog

    def close(self) -> dict[str, Any]:
        """What a load process says in the end."""
        for request in self._backlog:
            due = self._job.load_start + request.at
            held = _Sent(request, due, math.nan, math.nan, math.nan, self._generation, True, self._life)
            self._write(held, self._instant, "error", "cut", "held when the run ended")
        lost = {"unwritten": self._records.close(), "dropped": self._records.dropped}
        return {"schedule_hash": str(self._digest), "requests": self._digest.requests, **lost}

    def _silence(self) -> tuple[float, float]:
        return self._world.silences.get(self._name, (math.inf, math.inf))

    def _take_arrivals(self, now: float, *, held: bool) -> None:
        silent_from, silent_to = self._silence()
        while self._upcoming is not None and self._job.load_start + self._upcoming.at <= now:
            request = self._upcoming
            self._instant = due = self._job.load_start + request.at
            self._digest.add(request)
            self._pulse.arrived(request)
            while self._flying and self._flying[0][0] <= due and not silent_from <= self._flying[0][0] < silent_to:
                finished, _number, one = heapq.heappop(self._flying)
                self._write(one, finished, "ok")
            full = len(self._flying) >= self._job.load.concurrency_cap
            if held or self._backlog or (full and any(one.held for _, _, one in self._flying)):
                self._backlog.append(request)
            elif full:
                dropped = _Sent(request, due, due, due, due, self._generation, False, self._life)
                self._write(dropped, due, "dropped")
            else:
                self._send(request, due, held=False)
            self._upcoming = next(self._requests, None)

    def _take_answers(self, now: float) -> None:
        silent_from, silent_to = self._silence()
        timeout = self._job.load.timeout
        while self._flying and self._flying[0][0] <= now:
            finished, number, one = heapq.heappop(self._flying)
            if not silent_from <= finished < silent_to:
                self._write(one, finished, "ok")
                continue
            later = silent_to - finished  # it is answered once the server speaks again
            if finished + later - one.sent > timeout:
                self._write(one, now, "error", "timeout", f"no whole answer within {timeout:g} s")
                continue
            put_off = replace(one, first=one.first + later, last=one.last + later)
            heapq.heappush(self._flying, (finished + later, number, put_off))

    def _fail(self, now: float, failure: Failure, error: str, which: Callable[[_Sent], bool] = lambda _: True) -> None:
        for _at, _number, one in sorted(self._flying):
            if which(one):
                self._write(one, now, "error", failure, error)
        self._flying = [flying for flying in self._flying if not which(flying[2])]
        heapq.heapify(self._flying)

    def _send(self, request: PlannedRequest, at: float, *, held: bool) -> None:
        sent = at + self._answers.delay()
        first, last = self._answers.times(request, sent)
        one = _Sent(request, self._job.load_start + request.at, sent, first, last, self._generation, held, self._life)
        if self._life.how is not None:
            self._write(one, sent + 0.001, "error", "connect", "ConnectError: All connection attempts failed")
        else:
            heapq.heappush(self._flying, (last + 0.0005, request.number, one))

    def _write(
        self, one: _Sent, finished: float, status: Status, failure: Failure | None = None, error: str = ""
    ) -> None:
        self._instant, ok, token = finished, status == "ok", self._server.token
        asked, streaming = one.request.output_tokens, one.request.streaming and ok
        spread = self._answers.next() if streaming else 0.0
        done = RequestRecord(
            index=one.request.number,
            generation=one.generation,
            scheduled=one.due,
            sent=None if status == "dropped" or math.isnan(one.sent) else one.sent,
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
            itl_p50=token * (1 + 0.02 * spread) if streaming else None,
            itl_p99=token * (1.6 + 0.1 * spread) if streaming else None,
            stall=token * (2.5 + 0.5 * abs(spread)) if streaming else None,
        )
        self._pulse.recorded(done)
        self._records.write(on_timeline(done, self._job.shift))


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
