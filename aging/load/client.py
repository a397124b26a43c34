"""The client: arrivals are due when the schedule says, whatever the server does.

A request over the concurrency cap is dropped and recorded, never queued behind a
semaphore. Only while a rejuvenation holds the arrivals do they wait, in order, and
are then sent as the cap allows, marked ``held``; until these are answered, arrivals that
find the cap reached wait, too: no arrival is lost. A redirected
client sends to the successor of its server; what is in flight finishes where it is. Closed loops
send as their places come free, and yield to the open load above ``yields_above``.
"""

from __future__ import annotations

import asyncio
import gc
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from aging.core import http
from aging.core.endpoint import Endpoint
from aging.core.records import RequestRecord
from aging.load.http.transport import Transport
from aging.load.requests.outgoing import Outgoing, outgoing
from aging.load.requests.send import Answer, send
from aging.load.requests.written import WrittenRequest
from aging.load.schedule.planned_request import ClosedLoop, PlannedRequest
from aging.load.timer import Timer

_AHEAD = 8
"""Requests whose prompts are made before they are due: an arrival must not wait for the prompt of the one before it."""

_UNFINISHED = "not finished when the run ended"

_LEISURE_SECONDS = 0.001
"""No prompt is made in advance when another request is due within this."""


def _untold(_: PlannedRequest) -> None:
    """Ignore it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the client: requests in flight, seconds a request may take, seconds to drain at the end.

    The cap is that of the open load; closed loops have their own places.
    """

    concurrency_cap: int
    timeout: float
    drain: float


@dataclass(frozen=True, slots=True)
class _Route:
    """Where requests go, and which start of the server that is."""

    endpoint: Endpoint
    generation: int


class Client:
    """Drives one deployment with one schedule and hands every :class:`RequestRecord` to ``record``.

    ``load_start`` is the monotonic time that the schedule's times count from; ``generation`` is that of the server at
    ``endpoint``. ``written`` are the plain requests of the load, by their places.
    """

    def __init__(  # noqa: PLR0913 - each is one thing that a load needs
        self,
        endpoint: Endpoint,
        limits: Limits,
        seed: int,
        load_start: float,
        record: Callable[[RequestRecord], None],
        *,
        transport: http.AsyncBaseTransport | None = None,
        generation: int = 1,
        written: Sequence[WrittenRequest] = (),
    ) -> None:
        self._written = written
        self._route = _Route(endpoint, generation)
        self._limits = limits
        self._seed = seed
        self._load_start = load_start
        self._record = record
        self._transport = transport or Transport()
        self._timer = Timer()
        self._in_flight: dict[asyncio.Task[None], int] = {}
        """By the generation of the server that they went to."""
        self._cut: set[asyncio.Task[None]] = set()
        self._open_in_flight = 0
        self._backlog: deque[PlannedRequest] = deque()
        self._held = False
        self._catching_up_until = -math.inf
        self._stop = asyncio.Event()
        self._changed = asyncio.Event()

    async def run(
        self,
        requests: Iterable[PlannedRequest],
        closed: Sequence[ClosedLoop] = (),
        duration: float = math.inf,
        arrived: Callable[[PlannedRequest], object] = _untold,
    ) -> None:
        """Send every request of the schedule at its time, and closed loops for ``duration`` seconds; then drain.

        ``arrived`` is called with every request of the schedule when it is due.
        """
        gc.collect()
        gc.freeze()  # objects made from here on are the load's; the collector need not scan the imports again
        gc.collect()  # or the next full collection would wait for a quarter of what was just frozen
        async with self._transport:
            places = [
                asyncio.create_task(self._place(loop, self._load_start + duration))
                for loop in closed
                for _ in range(loop.concurrency)
            ]
            with self._timer:
                await self._drive(requests, arrived)
            await self._until_done(places, self._load_start + duration)
            await self._drain()
            for place in places:
                place.cancel()
            for ended in await asyncio.gather(*places, return_exceptions=True):
                if isinstance(ended, Exception):
                    raise ended

    @property
    def waiting(self) -> int:
        """Requests that have arrived and have no record yet."""
        return len(self._in_flight) + len(self._backlog)

    def hold(self) -> None:
        """Let arrivals wait from now on."""
        self._held = True

    def release(self, generation: int) -> None:
        """Send again, to a server of ``generation`` at the same address; what has waited goes first."""
        self._route = replace(self._route, generation=generation)
        self._held = False
        if self._backlog:  # a burst: at most so long, since an overloaded server would never catch up
            self._catching_up_until = time.monotonic() + self._limits.timeout
        self._send_backlog()
        self._tell_places()

    def redirect(self, base_url: str, generation: int) -> None:
        """Send to a server of ``generation`` at another address from now on; what is in flight finishes where it is."""
        self._route = _Route(replace(self._route.endpoint, base_url=base_url), generation)

    async def drained(self, generation: int | None = None, within: float = math.inf) -> int:
        """Wait until nothing is in flight to servers up to ``generation``; the number that is, after ``within`` s."""
        deadline = time.monotonic() + within
        while (left := self._sent_to(generation)) and (now := time.monotonic()) < deadline:
            await asyncio.wait(left, timeout=None if math.isinf(within) else deadline - now)
        return len(left)

    def cut(self, generation: int | None = None) -> int:
        """End the requests that are in flight to servers up to ``generation``; the number of them."""
        left = self._sent_to(generation)
        self._cut.update(left)
        for task in left:
            task.cancel()
        return len(left)

    def _sent_to(self, generation: int | None) -> Sequence[asyncio.Task[None]]:
        return [task for task, sent_to in self._in_flight.items() if generation is None or sent_to <= generation]

    def stop(self) -> None:
        """No more arrivals; requests in flight may finish."""
        self._stop.set()
        self._timer.ring()
        self._tell_places()

    # The open load.

    async def _drive(self, requests: Iterable[PlannedRequest], arrived: Callable[[PlannedRequest], object]) -> None:
        schedule = iter(requests)
        ahead: deque[tuple[PlannedRequest, Outgoing]] = deque()
        while True:
            await asyncio.sleep(0)  # the request that has just arrived goes out first
            while len(ahead) < _AHEAD and (not ahead or self._due(ahead[0][0]) - time.monotonic() > _LEISURE_SECONDS):
                if (request := next(schedule, None)) is None:
                    break
                ahead.append((request, self._outgoing(request)))
                await asyncio.sleep(0)
            if not ahead:
                return
            request, message = ahead.popleft()
            if not self._stop.is_set():
                await self._timer.wait_until(self._due(request))
            if self._stop.is_set():
                return
            arrived(request)
            self._arrive(request, message)

    def _arrive(self, request: PlannedRequest, message: Outgoing) -> None:
        full = self._open_in_flight >= self._limits.concurrency_cap
        if self._held or self._backlog or (full and time.monotonic() < self._catching_up_until):
            self._backlog.append(request)
        elif full:
            self._finish(request, self._due(request), None, Answer(status="dropped"), self._route.generation)
        else:
            self._catching_up_until = -math.inf
            self._send(request, message, held=False)

    def _send(self, request: PlannedRequest, message: Outgoing, *, held: bool) -> None:
        self._open_in_flight += 1
        task = self._begin(request, self._due(request), message, held=held)
        task.add_done_callback(self._answered)

    def _answered(self, _: asyncio.Task[None]) -> None:
        self._open_in_flight -= 1
        self._send_backlog()
        self._tell_places()

    def _send_backlog(self) -> None:
        while self._backlog and not self._held and self._open_in_flight < self._limits.concurrency_cap:
            request = self._backlog.popleft()
            self._send(request, self._outgoing(request), held=True)

    def _due(self, request: PlannedRequest) -> float:
        return self._load_start + request.at

    # Closed loops.

    async def _place(self, loop: ClosedLoop, end: float) -> None:
        """One of a closed loop's places: the next request, its answer, a pause, and again."""
        for request in loop.requests:
            await self._pause_until(min(self._due(request), end))
            while not self._stop.is_set() and (self._held or self._yields(loop)):
                await self._changed.wait()
            now = time.monotonic()
            if self._stop.is_set() or now >= end:
                return
            # Due when its place is free and it need not yield: there is no schedule to be late for.
            await asyncio.wait((self._begin(request, now, self._outgoing(request), held=False),))
            await self._pause_until(min(time.monotonic() + loop.think, end))

    def _yields(self, loop: ClosedLoop) -> bool:
        return loop.yields_above is not None and self._open_in_flight >= loop.yields_above

    def _tell_places(self) -> None:
        """Let the closed loops that wait check again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def _pause_until(self, due: float) -> None:
        """Sleep until monotonic time ``due``, or until the load is stopped."""
        delay = due - time.monotonic()
        if delay > 0:
            try:
                async with asyncio.timeout(delay):
                    await self._stop.wait()
            except TimeoutError:
                pass

    # Both.

    def _outgoing(self, request: PlannedRequest) -> Outgoing:
        return outgoing(self._route.endpoint, request, self._seed, self._written)

    def _begin(self, request: PlannedRequest, due: float, message: Outgoing, *, held: bool) -> asyncio.Task[None]:
        route = self._route
        task = asyncio.create_task(self._exchange(request, due, message, route, held))
        self._in_flight[task] = route.generation
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._in_flight[task]
        self._cut.discard(task)
        if not task.cancelled():
            task.result()  # a bug in the client must not pass for a quiet server

    async def _exchange(
        self, request: PlannedRequest, due: float, message: Outgoing, route: _Route, held: bool
    ) -> None:
        sent = time.monotonic()
        try:
            answer = await send(self._transport, route.endpoint, request, message, self._limits.timeout)
        except asyncio.CancelledError:
            by_rejuvenation = asyncio.current_task() in self._cut
            why = "cut by a rejuvenation: not finished within `drain`" if by_rejuvenation else _UNFINISHED
            answer = Answer(status="error", failure="cut", error=why)
        self._finish(request, due, sent, answer, route.generation, held=held)

    def _finish(  # noqa: PLR0913 - what a record is made of
        self,
        request: PlannedRequest,
        due: float,
        sent: float | None,
        answer: Answer,
        generation: int,
        *,
        held: bool = False,
    ) -> None:
        self._record(
            RequestRecord(
                index=request.number,
                generation=generation,
                scheduled=due,
                sent=sent,
                first_token=answer.first_token,
                last_token=answer.last_token,
                finished=time.monotonic(),
                streaming=request.streaming,
                prompt_tokens=request.prompt_tokens,
                output_tokens_asked=request.output_tokens,
                output_tokens=answer.tokens,
                http_status=answer.http_status,
                status=answer.status,
                error=answer.error,
                held=held,
                failure=answer.failure,
                itl_p50=answer.itl_p50,
                itl_p99=answer.itl_p99,
                stall=answer.stall,
                counted=answer.counted,
                load_class=request.load_class,
                options="+".join(request.options),
                fault=request.fault,
            )
        )

    async def _until_done(self, places: Sequence[asyncio.Task[None]], end: float) -> None:
        """Wait for closed loops to end by themselves, for ``end`` or for the stop."""
        stopping = asyncio.create_task(self._stop.wait())
        left = set(places)
        while left and not stopping.done() and (now := time.monotonic()) < end:
            timeout = None if math.isinf(end) else end - now
            await asyncio.wait({stopping, *left}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            left = {place for place in left if not place.done()}
        stopping.cancel()

    async def _drain(self) -> None:
        while self._held and not self._stop.is_set():  # a rejuvenation ends with its release, or with a stop
            await self._changed.wait()
        deadline = time.monotonic() + self._limits.drain
        while (self._in_flight or self._backlog) and time.monotonic() < deadline:
            if self._in_flight:
                await asyncio.wait(tuple(self._in_flight), timeout=deadline - time.monotonic())
            else:  # held to the very end: a release may still come
                await asyncio.sleep(0.05)
        for task in tuple(self._in_flight):
            task.cancel()
        if self._in_flight:
            await asyncio.wait(tuple(self._in_flight))
        cut = Answer(status="error", failure="cut", error="held when the run ended")
        for request in self._backlog:
            self._finish(request, self._due(request), None, cut, self._route.generation, held=True)
        self._backlog.clear()
