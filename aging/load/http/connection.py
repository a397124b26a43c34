"""One connection to a server: a request out, its response in, every piece with the time it was received.

Nothing here refers to itself in a circle once an exchange is over, so that memory is given back at once and never
waits for the garbage collector: a client that drives a server for days must not grow by past exchanges.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import cast

from aging.core import http
from aging.load.http.response_parser import Head, ResponseParser, TruncatedError

Sink = Callable[[bytes, float], bool]
"""Takes a piece of body and the monotonic time it was received; returns whether more is wanted."""

_RECEIVED = memoryview(bytearray(256 * 1024))
"""Asyncio's own buffers are of this size, allocated and freed at every read; one that is allocated once
leaves the allocator alone. All connections share it: it is emptied before control goes back to the loop."""

_HIGH_WATER_BYTES = 256 * 1024
_PART_BYTES = 64 * 1024


class Connection(asyncio.BufferedProtocol):
    """A connection that carries one exchange after the other; ``lost`` is called with it when it has ended."""

    def __init__(self, lost: Callable[[Connection], None]) -> None:
        self._lost = lost
        self._transport: asyncio.Transport | None = None
        self._parser: ResponseParser | None = None
        self._pieces: deque[tuple[bytes, float]] = deque()
        self._waiting_bytes = 0
        self._sink: Sink | None = None
        self._satisfied = False
        self._choked = False
        self._sent_whole = False
        self._waiter: asyncio.Future[None] | None = None
        # A kept exception would hold, by its traceback, the frames that hold this connection: only its text is kept.
        self._failure: tuple[type[http.TransportError], str] | None = None
        self.idle_since = 0.0

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # by its methods; uvloop's derives from nothing

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        return _RECEIVED

    def buffer_updated(self, nbytes: int) -> None:
        now = time.monotonic()
        if self._parser is None:  # no request was sent: these bytes are not an answer to the next one
            self.abort()
        elif self._failure is None:
            try:
                pieces = self._parser.feed(bytes(_RECEIVED[:nbytes]))
            except http.RemoteProtocolError as error:
                self._fail(type(error), str(error))
            else:
                self._deliver(pieces, now)

    def eof_received(self) -> bool:
        self._end(None)
        return False

    def pause_writing(self) -> None:
        self._choked = True

    def resume_writing(self) -> None:
        self._choked = False
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._end(exc)
        self._lost(self)

    # What an exchange calls.

    @property
    def usable(self) -> bool:
        """Whether another request may be sent."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, head: bytes, body: bytes, *, bodiless: bool = False) -> Head:
        """Send a request, and wait for the head of its response, which is ``bodiless`` whatever that head says.

        Raises :class:`http.TransportError`.
        """
        parser = self._parser = ResponseParser(bodiless=bodiless)
        self._failure, self._satisfied, self._sent_whole = None, False, False
        self._write(head + body if len(body) <= _PART_BYTES else head)
        # Part by part, as the server takes it: a huge body is neither copied nor does it hold up other requests.
        left = memoryview(body if len(body) > _PART_BYTES else b"")
        while left and parser.head is None:
            self._write(left[:_PART_BYTES])
            left = left[_PART_BYTES:]
            while self._choked and parser.head is None:
                await self._progress()
        self._sent_whole = not left
        while parser.head is None:
            await self._progress()
        return parser.head

    async def read_into(self, sink: Sink) -> None:
        """Hand the body to ``sink``, each piece as it is received, until it ends or enough of it has come.

        Raises :class:`http.TransportError`.
        """
        queued, self._pieces = self._pieces, deque()
        while queued and not self._satisfied:
            self._satisfied = not sink(*queued.popleft())
        self._sink = sink
        try:
            while not self._over:
                await self._progress()
        finally:
            self._sink = None

    async def read(self) -> bytes | None:
        """The next piece of the body; None at its end. Raises :class:`http.TransportError`."""
        while not self._pieces:
            if self._over:
                return None
            await self._progress()
        piece, _ = self._pieces.popleft()
        self._waiting_bytes -= len(piece)
        return piece

    def finish(self) -> bool:
        """Forget the exchange; whether the connection is fit for another. It is ended where it is not."""
        whole = self._parser is not None and self._parser.reusable and self._sent_whole
        fit = whole and self._failure is None and self.usable
        self._parser = None
        self._pieces.clear()
        if not fit:
            self.abort()
        return fit

    def abort(self) -> None:
        """End the connection at once, whatever is under way."""
        if self._transport is not None:
            self._transport.abort()

    def _write(self, data: bytes | memoryview) -> None:
        if self._transport is None:
            self._fail(http.WriteError, "the connection was closed before the request was sent")
        else:
            self._transport.write(data)

    @property
    def _over(self) -> bool:
        return self._satisfied or self._parser is None or self._parser.complete

    def _deliver(self, pieces: list[bytes], now: float) -> None:
        if self._sink is None:
            self._pieces.extend((piece, now) for piece in pieces)
            self._waiting_bytes += sum(map(len, pieces))
            if self._waiting_bytes > _HIGH_WATER_BYTES and self._transport is not None:
                self._transport.pause_reading()
            self._wake()
            return
        for piece in pieces:
            if not self._sink(piece, now):
                self._satisfied = True
                break
        if self._over:
            self._wake()

    def _end(self, exc: Exception | None) -> None:
        """The connection has ended, and with it the response, unless that was whole."""
        if self._parser is None or self._parser.complete or self._failure is not None:
            return
        if exc is not None:
            self._fail(http.ReadError, f"the connection was lost: {type(exc).__name__}: {exc}")
        elif not self._parser.begun:
            self._fail(http.ReadError, "the connection was closed without an answer")
        else:
            try:
                self._parser.end()
            except TruncatedError as error:
                self._fail(type(error), str(error))
            self._wake()

    def _fail(self, kind: type[http.TransportError], words: str) -> None:
        self._failure = kind, words
        self._wake()

    async def _progress(self) -> None:
        """Wait until something has happened. Raises :class:`http.TransportError` where it was the end."""
        if self._failure is None:
            if self._transport is not None:
                self._waiting_bytes = 0
                self._transport.resume_reading()
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._failure is not None:
            kind, words = self._failure
            raise kind(words)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
