"""`/metrics` and `/healthz` over HTTP/1.1, on loopback by default: two pages need no framework."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable

from aging.core.errors import AgingError

_HEAD_SECONDS = 5.0
_MOST_CLIENTS = 16
_HEAD_BYTES = 16_384

Page = Callable[[], tuple[int, str, str]]
"""Gives status, content type and body."""

_REASONS = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


class ListenError(AgingError):
    """The address for the metrics cannot be used; the message names it."""


class Web:
    """Serves pages by path."""

    def __init__(self, pages: dict[str, Page]) -> None:
        self._pages = pages
        self._server: asyncio.Server | None = None
        self._clients = 0
        self.port: int | None = None

    async def start(self, address: str) -> None:
        """Listen on ``HOST:PORT``. Raises ListenError."""
        host, _, port = address.rpartition(":")
        try:
            self._server = await asyncio.start_server(
                self._answer, host.strip("[]"), int(port), limit=_HEAD_BYTES, backlog=_MOST_CLIENTS
            )
        except OSError as error:
            used = error.errno == errno.EADDRINUSE
            what = "; another guard or exporter has it: give another one, or none" if used else ""
            why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
            raise ListenError(f"--listen {address}: {why}{what}") from None
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        try:
            if self._clients <= _MOST_CLIENTS:
                async with asyncio.timeout(_HEAD_SECONDS):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(self._response(head))
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._clients -= 1
            writer.close()

    def _response(self, head: bytes) -> bytes:
        words = head.split(b"\r\n", 1)[0].decode("latin-1").split()
        method, path = (words[0], words[1].partition("?")[0]) if len(words) == 3 else ("", "")
        page = self._pages.get(path)
        if method not in ("GET", "HEAD"):
            status, kind, body = 405, "text/plain; charset=utf-8", "only GET\n"
        elif page is None:
            status, kind, body = 404, "text/plain; charset=utf-8", f"there are {' and '.join(self._pages)}\n"
        else:
            status, kind, body = page()
        content = body.encode()
        lines = [
            f"HTTP/1.1 {status} {_REASONS[status]}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(content)}",
            "Connection: close",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + (b"" if method == "HEAD" else content)
