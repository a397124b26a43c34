"""The load: seeded Poisson arrivals of requests of random size over real connections, and what they are answered."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass

_TEXT_SEED = 7
_MOST_QUEUED = 500


def _text(length: int) -> bytes:
    rng = random.Random(_TEXT_SEED)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 11))) for _ in range(4000)]
    return " ".join(rng.choices(words, k=length // 6)).encode()


TEXT = _text(400_000)


@dataclass(frozen=True, slots=True)
class Shape:
    """Requests a second over time: none for ``idle`` seconds, from ``change`` on ``factor`` times as many."""

    rate: float
    idle: float = 0.0
    change: float | None = None
    """Seconds since the start."""
    factor: float = 1.0
    burst_every: float | None = None
    burst_seconds: float = 20.0
    burst_factor: float = 4.0

    def at(self, seconds: float) -> float:
        """The rate at a time."""
        if seconds < self.idle:
            return 0.0
        rate = self.rate * (self.factor if self.change is not None and seconds >= self.change else 1.0)
        if self.burst_every is not None and (seconds - self.idle) % self.burst_every < self.burst_seconds:
            rate *= self.burst_factor
        return rate


@dataclass(frozen=True, slots=True)
class Requests:
    """What is asked for: keys log-uniform below ``keys`` (or uniform), sizes log-normal or, with ``tail``, Pareto."""

    keys: int = 20_000
    uniform: bool = False
    median: float = 1500.0
    spread: float = 0.8
    tail: float | None = None
    most: int = 60_000

    def draw(self, rng: random.Random) -> tuple[int, int, bytes]:
        """Key, size and text of a request."""
        key = rng.randrange(self.keys) if self.uniform else int(self.keys ** rng.random())
        if self.tail is None:
            size = self.median * rng.lognormvariate(0, self.spread)
        else:
            size = self.median * rng.paretovariate(self.tail)
        length = min(8000, int(300 * rng.lognormvariate(0, 0.9)) + 40)
        start = rng.randrange(len(TEXT) - length)
        text = TEXT[start : start + length]
        # Whole words, so that the vocabulary is one.
        return key, min(self.most, int(size)), text[text.find(b" ") + 1 : text.rfind(b" ")]


@dataclass(slots=True)
class Answers:
    """What one worker answered so far."""

    requests: int = 0
    pid: int = 0
    payload: int = 0
    """Bytes leaked, by the server's own count: what it was told to leak a request."""
    counted: int = 0
    """The same with the structure's and the allocator's known overhead."""


class _Connection(asyncio.Protocol):
    def __init__(self, client: Client) -> None:
        self.client = client
        self.data = b""
        self.transport: asyncio.Transport | None = None
        self.last = False
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def send(self, request: bytes, last: bool) -> None:
        assert self.transport is not None
        self.last, self.busy = last, True
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.data += data
        end = self.data.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.data[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(self.data) < end + 4 + length:
            return
        self.data = self.data[end + 4 + length :]
        self.busy = False
        self.client.answered(self, head)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio calls it so
        self.client.lost(self)


class Client:
    """Sends one server its requests; open loop, over at most ``connections`` connections."""

    def __init__(self, port: int, shape: Shape, requests: Requests, seed: int, connections: int = 12) -> None:
        self.port, self.shape, self.requests = port, shape, requests
        self.rng = random.Random(seed)
        self.choice = random.Random(seed + 1)
        self.most = connections
        self.idle: deque[_Connection] = deque()
        self.open = 0
        self.queue: deque[tuple[bytes, bool]] = deque()
        self.workers: dict[int, Answers] = {}
        self.failed = 0
        self.tasks: set[asyncio.Task[None]] = set()

    @property
    def answers(self) -> int:
        """Responses so far."""
        return sum(worker.requests for worker in self.workers.values())

    def answered(self, connection: _Connection, head: bytes) -> None:
        """Count a response, by the worker that sent it."""
        at = head.find(b"x-w:")
        index, pid, payload, counted = (int(part) for part in head[at + 4 :].split(b"\r\n", 1)[0].split())
        worker = self.workers.setdefault(index, Answers())
        worker.requests += 1
        worker.pid = pid
        worker.payload, worker.counted = max(worker.payload, payload), max(worker.counted, counted)
        if connection.last:
            assert connection.transport is not None
            connection.transport.close()
        elif self.queue:
            connection.send(*self.queue.popleft())
        else:
            self.idle.append(connection)

    def lost(self, connection: _Connection) -> None:
        """Forget a connection that ended."""
        self.open -= 1
        self.failed += connection.busy
        if connection in self.idle:
            self.idle.remove(connection)
        if self.queue:
            self._start(self._connect(*self.queue.popleft()))

    def _start(self, coroutine: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _connect(self, request: bytes, last: bool) -> None:
        self.open += 1
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: _Connection(self), "127.0.0.1", self.port
            )
        except OSError:
            self.open -= 1
            self.failed += 1
            return
        connection.send(request, last)

    def request(self) -> None:
        """Send one request now, or as soon as a connection is free."""
        key, size, text = self.requests.draw(self.rng)
        last = self.rng.random() < 0.1
        message = b"POST /%d/%d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (key, size, len(text), text)
        if self.idle:
            # Any of the idle ones, so that every worker gets its share.
            self.idle.rotate(self.choice.randrange(len(self.idle)))
            self.idle.popleft().send(message, last)
        elif self.open < self.most:
            self._start(self._connect(message, last))
        elif len(self.queue) < _MOST_QUEUED:
            self.queue.append((message, last))
        else:
            self.failed += 1

    async def run(self, seconds: float) -> None:
        """Send for so long."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        now = 0.0
        while now < seconds:
            rate = self.shape.at(now)
            if rate <= 0:
                now += 1.0
            else:
                now += self.rng.expovariate(rate)
            if (delay := start + now - loop.time()) > 0:
                await asyncio.sleep(delay)
            if rate > 0:
                self.request()
