"""A small HTTP/1.1 server, for pages and metrics of a process that measures: GET and HEAD, every part of it bounded.

Each connection has one answer; one that streams goes on until its events end or its client is gone or too slow.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from aging.core.errors import AgingError

_HEAD_SECONDS = 5.0
_WRITE_SECONDS = 20.0
_MOST_CLIENTS = 16
_HEAD_BYTES = 16_384
_MOST_FIELDS = 32

PLAIN = "text/plain; charset=utf-8"
_EVENTS = "text/event-stream"

_REASONS = {
    200: "OK",
    303: "See Other",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


class ListenError(AgingError):
    """The address cannot be listened on; the message names it."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str
    port: int

    @classmethod
    def of(cls, text: str) -> Address:
        """That of ``HOST:PORT``, ``[::1]:PORT`` with an address of version 6. Raises ValueError."""
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not (host and colon and port.isascii() and port.isdigit() and int(port) <= 65535):
            raise ValueError(f"{text!r} is no address to listen on; write HOST:PORT like 127.0.0.1:8765")
        return cls(host, int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Request:
    """The head of a request: ``path`` decoded and without its ``query``; ``headers`` by lower-case name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer; ``kind`` is its content type."""

    status: int
    kind: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: int, text: str, kind: str = PLAIN, headers: Mapping[str, str] | None = None) -> Response:
        return cls(status, kind, text.encode(errors="replace"), headers or {})


@dataclass(frozen=True, slots=True)
class EventStream:
    """An answer without an end: server-sent events as they are to be written (:func:`server_sent_event`)."""

    events: AsyncIterator[bytes]
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Response | EventStream]


def server_sent_event(kind: str, data: str) -> bytes:
    """One event, as https://html.spec.whatwg.org/multipage/server-sent-events.html writes it."""
    lines = "".join(f"data: {line}\n" for line in data.split("\n"))
    return f"event: {kind}\n{lines}\n".encode(errors="replace")


def by_path(pages: Mapping[str, Callable[[], Response]]) -> Handler:
    """A handler that knows these paths alone."""

    def handle(request: Request) -> Response:
        page = pages.get(request.path)
        return Response.of(404, f"there are {' and '.join(pages)}\n") if page is None else page()

    return handle


class Web:
    """Answers what ``handle`` returns. ``clients`` are the connections at this time, streams among them."""

    def __init__(self, handle: Handler, most_clients: int = _MOST_CLIENTS) -> None:
        self._handle = handle
        self._most = most_clients
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()
        self.clients = 0
        self.port: int | None = None

    async def start(self, address: Address) -> None:
        """Listen. Raises ListenError."""
        try:
            self._server = await asyncio.start_server(
                self._connected, address.host, address.port, limit=_HEAD_BYTES, backlog=self._most
            )
        except OSError as error:
            used = error.errno == errno.EADDRINUSE
            what = "; another process listens there: stop it, or choose another port" if used else ""
            why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
            raise ListenError(f"--listen {address}: {why}{what}") from None
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, and end every connection."""
        if self._server is None:
            return
        self._server.close()
        for task in [*self._open]:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
        self.clients += 1
        try:
            if self.clients <= self._most:
                await self._answer(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client is gone or too slow, or this process ends
        finally:
            self.clients -= 1
            if task is not None:
                self._open.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            answer: Response | EventStream = Response.of(
                431, f"the head of a request has at most {_HEAD_BYTES} bytes\n"
            )
            request = None
        else:
            request = _parsed(head)
            answer = self._response(request)
        if isinstance(answer, Response):
            headers = {"Content-Type": answer.kind, "Content-Length": str(len(answer.body)), **answer.headers}
            body = b"" if request is not None and request.method == "HEAD" else answer.body
            await _written(writer, _head(answer.status, headers) + body)
            return
        headers = {"Content-Type": _EVENTS, "Cache-Control": "no-store", "X-Accel-Buffering": "no", **answer.headers}
        await _written(writer, _head(200, headers))
        if request is not None and request.method == "GET":
            await _stream(reader, writer, answer.events)

    def _response(self, request: Request | None) -> Response | EventStream:
        if request is None:
            return Response.of(400, "this is no HTTP request\n")
        if request.method not in ("GET", "HEAD"):
            return Response.of(405, "only GET and HEAD\n", headers={"Allow": "GET, HEAD"})
        return self._handle(request)


async def _stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, events: AsyncIterator[bytes]) -> None:
    """Write events until they end, or until the client closes: a client of events sends nothing."""
    gone = asyncio.create_task(reader.read(1))
    writing = asyncio.create_task(_write_all(writer, events))
    try:
        await asyncio.wait({gone, writing}, return_when=asyncio.FIRST_COMPLETED)
        if writing.done():
            writing.result()
    finally:
        for task in (gone, writing):
            task.cancel()
        await asyncio.gather(gone, writing, return_exceptions=True)


async def _write_all(writer: asyncio.StreamWriter, events: AsyncIterator[bytes]) -> None:
    async with contextlib.aclosing(events) as each:  # type: ignore[type-var]
        async for event in each:
            await _written(writer, event)


async def _written(writer: asyncio.StreamWriter, content: bytes) -> None:
    writer.write(content)
    async with asyncio.timeout(_WRITE_SECONDS):
        await writer.drain()


def _parsed(head: bytes) -> Request | None:
    """None of what is no request, or of one with too many fields."""
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    words = first.split(" ")
    if (
        len(words) != 3
        or not words[2].startswith("HTTP/1.")
        or not words[1].startswith("/")
        or len(lines) > _MOST_FIELDS
    ):
        return None
    fields = [line.partition(":") for line in lines]
    if any(not colon or name != name.strip() for name, colon, _ in fields):
        return None
    path, _, query = words[1].partition("?")
    try:
        asked = dict(parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return None
    return Request(words[0], unquote(path), asked, {name.lower(): value.strip() for name, _, value in fields})


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {_REASONS[status]}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode()
