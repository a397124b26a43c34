"""One client connection: h11 on an asyncio transport, with a receive buffer shared by all connections.

Asyncio's own streams allocate 256 KiB for every read and give most of it back.
That moves the C allocator's thresholds, and an otherwise clean server then grew
by 40 bytes a request; a buffer that is there from the start does not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import h11

MAX_BODY_BYTES = 8 * 1024 * 1024
_LINGER_SECONDS = 2.0
_UNREAD_LIMIT_BYTES = 256 * 1024
_RECEIVED = memoryview(bytearray(64 * 1024))


class BodyTooLargeError(Exception):
    """A request whose body is over the limit."""


class Connection(asyncio.BufferedProtocol):
    """Reads requests and writes responses; ``opened`` is called with it once a client has connected."""

    def __init__(self, opened: Callable[[Connection], None]) -> None:
        self._opened = opened
        self._http = h11.Connection(h11.SERVER)
        self._transport: asyncio.Transport | None = None
        self._unread = 0
        self._ended = False
        self._progress = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self.busy = False

    # Called by the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._opened(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        return _RECEIVED

    def buffer_updated(self, nbytes: int) -> None:
        self._http.receive_data(bytes(_RECEIVED[:nbytes]))
        self._unread += nbytes
        if self._unread > _UNREAD_LIMIT_BYTES and self._transport:
            self._transport.pause_reading()
        self._progress.set()

    def eof_received(self) -> bool:
        self._http.receive_data(b"")
        self._ended = True
        self._progress.set()
        return True  # the transport stays open: an answer can still be in flight

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._ended = True
        self._transport = None
        self._progress.set()
        self._writable.set()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # Called by the server.

    async def next_request(self) -> h11.Request | None:
        """Wait for the head of a request; None if the client has closed the connection."""
        event = await self._event()
        if isinstance(event, h11.Request):
            self.busy = True
            return event
        return None

    async def body(self, request: h11.Request) -> bytes:
        """Read a request's body, up to the limit."""
        if any(name == b"content-length" and int(value) > MAX_BODY_BYTES for name, value in request.headers):
            raise BodyTooLargeError
        parts: list[bytes] = []
        size = 0
        while isinstance(event := await self._event(), h11.Data):
            parts.append(bytes(event.data))
            size += len(event.data)
            if size > MAX_BODY_BYTES:
                raise BodyTooLargeError
        if isinstance(event, h11.ConnectionClosed):
            raise ConnectionResetError
        return b"".join(parts)

    async def _event(self) -> h11.Event:
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    await self.send(h11.InformationalResponse(status_code=100, headers=[]))
                await self._more()
            elif event is h11.PAUSED:
                raise h11.RemoteProtocolError("a request came before the last one was answered")
            else:
                assert isinstance(event, h11.Event)
                return event

    async def _more(self) -> None:
        """Wait for further received bytes."""
        if self._transport is None:
            raise ConnectionResetError
        self._unread = 0
        self._transport.resume_reading()
        self._progress.clear()
        await self._progress.wait()

    @property
    def gone(self) -> bool:
        """Whether the client has closed the connection."""
        return self._ended

    @property
    def may_answer(self) -> bool:
        """Whether the protocol still allows a response."""
        return self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE)

    async def respond(self, status: int, content_type: str, body: bytes, *, last: bool) -> None:
        """Send a whole response; ``last`` announces that the connection closes after it."""
        headers = [("content-type", content_type), ("content-length", str(len(body)))]
        await self.send(
            h11.Response(status_code=status, headers=headers + [("connection", "close")] * last),
            h11.Data(data=body),
            h11.EndOfMessage(),
        )

    async def send(self, *events: h11.Event) -> None:
        """Write protocol events as one piece; raises ConnectionError if the client has closed the connection."""
        data = b"".join(self._http.send(event) or b"" for event in events)
        if self._transport:
            self._transport.write(data)
        await self._writable.wait()
        if self._transport is None:
            raise ConnectionResetError

    def next_cycle(self) -> bool:
        """Prepare for another request on this connection, if the protocol allows it."""
        self.busy = False
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    async def linger(self) -> None:
        """Read until the client has finished sending: closing earlier resets the connection and its unread answer."""
        self._http = h11.Connection(h11.SERVER)  # further input is ignored
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(_LINGER_SECONDS):
                while not self._ended:
                    await self._more()
                    self._http = h11.Connection(h11.SERVER)

    def close(self) -> None:
        """Close after the written bytes have been sent."""
        if self._transport:
            self._transport.close()
