"""The open-loop client: arrivals are due when the schedule says, whatever the server does.

A request over the concurrency cap is dropped and recorded, never queued behind a
semaphore. Only while a rejuvenation holds the arrivals do they wait, in order, and
are then sent as the cap allows, marked ``held``: none is lost.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import httpx

from aging.deployments import Endpoint
from aging.load.planned import PlannedRequest
from aging.load.prompts import messages
from aging.load.request import Answer, send
from aging.model import RequestRecord


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the client: requests in flight, seconds a request may take, seconds to drain at the end."""

    concurrency_cap: int
    timeout: float
    drain: float


class Client:
    """Drives one deployment with one schedule and hands every :class:`RequestRecord` to ``record``.

    ``load_start`` is the monotonic time that the schedule's times count from.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        limits: Limits,
        seed: int,
        load_start: float,
        record: Callable[[RequestRecord], None],
    ) -> None:
        self._endpoint = endpoint
        self._limits = limits
        self._seed = seed
        self._load_start = load_start
        self._record = record
        self._generation = 1
        self._in_flight: set[asyncio.Task[None]] = set()
        self._backlog: deque[PlannedRequest] = deque()
        self._open = asyncio.Event()
        self._open.set()
        self._stop = asyncio.Event()
        pool = httpx.Limits(max_connections=None, max_keepalive_connections=limits.concurrency_cap)
        self._http = httpx.AsyncClient(base_url=endpoint.base_url, limits=pool, trust_env=False)

    async def run(self, requests: Iterable[PlannedRequest]) -> None:
        """Send every request of the schedule at its time, then drain."""
        async with self._http:
            gc.collect()
            gc.freeze()  # what lives from here on is the load's own; the imports need no more scanning
            for request in requests:
                if not await self._wait_until(self._load_start + request.at):
                    break
                self._arrive(request)
            await self._drain()

    async def hold(self) -> None:
        """Let arrivals wait from now on; returns when nothing is in flight."""
        self._open.clear()
        while self._in_flight:
            await asyncio.wait(self._in_flight)

    def release(self, generation: int) -> None:
        """Send again, to a server of ``generation``; what has waited goes first."""
        self._generation = generation
        self._open.set()
        self._send_backlog()

    def stop(self) -> None:
        """No more arrivals; requests in flight may finish."""
        self._stop.set()

    def _arrive(self, request: PlannedRequest) -> None:
        if not self._open.is_set() or self._backlog:
            self._backlog.append(request)
        elif len(self._in_flight) >= self._limits.concurrency_cap:
            self._record(self._finished(request, None, Answer(), "dropped", held=False))
        else:
            self._send(request, held=False)

    def _send(self, request: PlannedRequest, *, held: bool) -> None:
        task = asyncio.create_task(self._exchange(request, held))
        self._in_flight.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        if not task.cancelled():
            task.result()  # a bug in the client must not pass for a quiet server
        self._send_backlog()

    def _send_backlog(self) -> None:
        while self._backlog and self._open.is_set() and len(self._in_flight) < self._limits.concurrency_cap:
            self._send(self._backlog.popleft(), held=True)

    async def _exchange(self, request: PlannedRequest, held: bool) -> None:
        said = messages(request, self._seed)
        sent = time.monotonic()
        try:
            answer = await send(self._http, self._endpoint, request, said, self._limits.timeout)
        except asyncio.CancelledError:
            answer = Answer(error="not finished when the run ended")
        self._record(self._finished(request, sent, answer, "error" if answer.error else "ok", held))

    def _finished(
        self, request: PlannedRequest, sent: float | None, answer: Answer, status: str, held: bool
    ) -> RequestRecord:
        return RequestRecord(
            index=request.number,
            generation=self._generation,
            scheduled=self._load_start + request.at,
            sent=sent,
            first_token=answer.first_token,
            last_token=answer.last_token,
            finished=time.monotonic(),
            streaming=request.streaming,
            prompt_tokens=request.prompt_tokens,
            output_tokens_asked=request.output_tokens,
            output_tokens=answer.tokens,
            http_status=answer.http_status,
            status=status,  # type: ignore[arg-type]
            error=answer.error,
            held=held,
        )

    async def _wait_until(self, due: float) -> bool:
        """Sleep until monotonic time ``due``; False when the load was stopped meanwhile."""
        delay = due - time.monotonic()
        if delay > 0:
            try:
                async with asyncio.timeout(delay):
                    await self._stop.wait()
            except TimeoutError:
                pass
        return not self._stop.is_set()

    async def _drain(self) -> None:
        deadline = time.monotonic() + self._limits.drain
        while (self._in_flight or self._backlog) and time.monotonic() < deadline:
            if self._in_flight:
                await asyncio.wait(self._in_flight, timeout=deadline - time.monotonic())
            else:  # held to the very end: a release may still come
                await asyncio.sleep(0.05)
        for task in tuple(self._in_flight):
            task.cancel()
        if self._in_flight:
            await asyncio.wait(self._in_flight)
        for request in self._backlog:
            self._record(self._finished(request, None, Answer(error="held when the run ended"), "error", held=True))
        self._backlog.clear()
