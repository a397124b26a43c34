"""Whether the server answers again: it listens where it did, its proxy can connect, its own address answers 200."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

_CONNECT_SECONDS = 2.0
_ANSWER_SECONDS = 10.0
_OK = 200


async def connects(addresses: Sequence[tuple[str, int]]) -> bool:
    """Whether a TCP connection to every address can be made."""
    for host, port in addresses:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError):
            return False
        writer.close()
    return True


async def answers(url: str) -> bool:
    """Whether a GET of ``url`` is answered with 200. By hand: a client library would take 8 MB for one line."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    head = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            reader, writer = await asyncio.open_connection(
                parts.hostname,
                parts.port or (443 if secure else 80),
                ssl=ssl.create_default_context() if secure else None,
            )
            try:
                writer.write(head.encode())
                await writer.drain()
                words = (await reader.readline()).split()
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return False
    return len(words) > 1 and words[0].startswith(b"HTTP/") and words[1] == str(_OK).encode()
