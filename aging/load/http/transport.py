"""An httpx transport as cheap and as accurate as a load client needs, and whose memory does not grow.

Beside what every transport does, the stream of its responses hands over each piece of body at the moment it was
received (:meth:`ReceivedStream.read_into`): no task wakes for a token, and a token's time is the kernel's, not that
of the task that looks at it. Redirects are answers like others; there are no retries, no proxies and no timeouts but
the caller's (:func:`asyncio.timeout`). Why it is not a maintained transport: ``docs/measurement.md``.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from functools import cached_property

from aging.core import http
from aging.load.http.connection import Connection, Sink

_KEPT_SECONDS = 4.0
"""An idle connection is not used again after this: uvicorn, which most engines are served by, closes one after 5 s,
and a request that met that moment would be lost."""

_PORTS = {"http": 80, "https": 443}

_Origin = tuple[str, str, int]


class ReceivedStream(http.AsyncByteStream):
    """The body of a response, by pieces or into a sink."""

    def __init__(self, connection: Connection, released: Callable[[Connection], None]) -> None:
        self._connection: Connection | None = connection
        self._released = released

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._connection is not None and (piece := await self._connection.read()) is not None:
            yield piece

    async def read_into(self, sink: Sink) -> None:
        """Hand over every piece as it is received until the end, or until ``sink`` wants no more.

        Raises :class:`http.TransportError`.
        """
        if self._connection is not None:
            await self._connection.read_into(sink)

    async def aclose(self) -> None:
        """Give the connection back; it is ended where the body was not read to its end."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._released(connection)


class Transport(http.AsyncBaseTransport):
    """HTTP/1.1 over kept connections, any number at a time.

    For ``https`` it trusts what ``tls`` does; by default the authorities that OpenSSL does: the system's, or those of
    the environment variables ``SSL_CERT_FILE`` and ``SSL_CERT_DIR``.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._given_tls = tls
        self._idle: defaultdict[_Origin, deque[Connection]] = defaultdict(deque)
        self._open: dict[Connection, _Origin] = {}
        self._all_lost = asyncio.Event()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._given_tls or ssl.create_default_context()

    async def handle_async_request(self, request: http.Request) -> http.Response:
        """Send a request; its response is there with its head. Raises :class:`http.TransportError`."""
        body = await request.aread()
        connection = await self._connection(request.url)
        try:
            head = await connection.ask(_head(request), body, bodiless=request.method == "HEAD")
        except BaseException:
            connection.finish()
            raise
        kept = request.headers.get("connection", "").lower() != "close"
        stream = ReceivedStream(connection, self._release if kept else Connection.abort)
        return http.Response(head.status, headers=list(head.headers), stream=stream)

    async def aclose(self) -> None:
        """End every connection."""
        for connection in tuple(self._open):
            connection.abort()
        if self._open:
            self._all_lost.clear()
            await self._all_lost.wait()

    async def _connection(self, url: http.URL) -> Connection:
        origin = url.scheme, url.host, url.port or _PORTS[url.scheme]
        idle = self._idle[origin]
        while idle:
            connection = idle.pop()
            if time.monotonic() - connection.idle_since > _KEPT_SECONDS:
                connection.abort()
            elif connection.usable:
                return connection
        scheme, host, port = origin
        tls = self._tls if scheme == "https" else None
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(lambda: Connection(self._lost), host, port, ssl=tls)
        except (OSError, UnicodeError) as error:  # ssl.SSLError is the former, an invalid host name the latter
            raise http.ConnectError(str(error) or type(error).__name__) from None
        if connection.usable:
            self._open[connection] = origin
        return connection

    def _release(self, connection: Connection) -> None:
        if connection.finish():
            connection.idle_since = time.monotonic()
            idle = self._idle[self._open[connection]]
            idle.append(connection)
            if connection.idle_since - idle[0].idle_since > _KEPT_SECONDS:
                idle.popleft().abort()

    def _lost(self, connection: Connection) -> None:
        self._open.pop(connection, None)
        if not self._open:
            self._all_lost.set()


def _head(request: http.Request) -> bytes:
    target = request.extensions.get("target", request.url.raw_path)  # of httpx's extensions
    lines = [b"%b %b HTTP/1.1" % (request.method.encode(), target)]
    lines.extend(b"%b: %b" % header for header in request.headers.raw)
    return b"\r\n".join((*lines, b"", b""))
