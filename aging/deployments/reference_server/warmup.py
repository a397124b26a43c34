"""Warm-up before the server listens, so that the memory of a clean server is flat from its first request.

Python's allocators, asyncio and h11 take memory the first time each path is
walked and each degree of concurrency is reached. Walking all paths many at a
time at the start takes it before anybody measures.
"""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

from aging.deployments.reference_server.leak import Ager, Aging
from aging.deployments.reference_server.server import Pace, ReferenceServer

_CLIENTS = 32
_PROMPT = "word " * 4000
_USAGE = {"include_usage": True}
_OPTIONS: dict[str, Any] = {
    "n": 2,
    "logprobs": 1,
    "stop": ["never"],
    "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}},
}
_REQUESTS = tuple(
    (path, json.dumps({**question, **options, "max_tokens": 64, "stream": streaming, "stream_options": _USAGE}))
    for path, question in (
        ("/v1/completions", {"prompt": _PROMPT}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": _PROMPT}]}),
    )
    for streaming in (False, True)
    for options in ({}, _OPTIONS)
)


async def rehearse() -> None:
    """Run a second server, clean and without pauses, and send it requests."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    listening: asyncio.Future[int] = loop.create_future()
    server = ReferenceServer(Ager(Aging()), Pace(ttft_seconds=0.001, token_seconds=0.0001))
    serving = loop.create_task(server.serve("127.0.0.1", 0, listening, stop))
    first: list[asyncio.Future[Any]] = [serving, listening]
    await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        await asyncio.gather(*(_client(listening.result()) for _ in range(_CLIENTS)))
        stop.set()
    await serving


async def _client(port: int) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as connection:
        connection.setblocking(False)
        await loop.sock_connect(connection, ("127.0.0.1", port))
        for path, body in _REQUESTS:
            head = f"POST {path} HTTP/1.1\r\nhost: rehearsal\r\ncontent-length: {len(body)}\r\n\r\n"
            await loop.sock_sendall(connection, (head + body).encode())
            received = b""
            while not received.endswith((b"]}\n", b"}}", b"0\r\n\r\n")):
                received = received[-16:] + await loop.sock_recv(connection, 16 * 1024)
