"""An ASGI application under Granian (Rust runtime, worker processes): templates, sessions, a bounded LRU cache."""

import functools
import os
import string
from collections.abc import Awaitable, Callable
from typing import Any

from analysis.recordings.servers.leaks import Leak

state: dict[int, Leak] = {}
"""The leak by the worker's index."""
sessions: dict[int, dict[str, object]] = {}
TEMPLATE = string.Template("<li id=$i class=$c>$word</li>\n")


Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@functools.lru_cache(maxsize=int(os.environ.get("CAP", "1500")))
def page(key: int, size: int, text: str) -> str:
    words = text.split()
    return "".join(TEMPLATE.substitute(i=i, c=key % 7, word=words[i % len(words)]) for i in range(1 + size // 60))


def handle(key: int, size: int, body: bytes) -> bytes:
    text = body.decode("ascii", "replace")
    html = page(key % 5000, size // 500 * 500, text[:120] or "none")
    sessions[key % 1500] = {"last": text[:200], "size": size, "path": [key, size, len(html)]}
    return html[: 200 + size // 2].encode()


async def app(scope: dict[str, str], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"].endswith("shutdown"):
                return
    if not state:
        folder = os.environ["TICKETS"]
        worker = next(n for n in range(64) if not _taken(folder, n))
        state[worker] = Leak(worker)
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    _, key, size = scope["path"].split("/")
    reply = handle(int(key), int(size), body)
    [(index, leak)] = state.items()
    leak()
    told = f"{index} {os.getpid()} {leak.payload} {leak.counted}".encode()
    headers = [(b"content-length", str(len(reply)).encode()), (b"x-w", told)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": reply})


def _taken(folder: str, n: int) -> bool:
    try:
        os.mkdir(f"{folder}/{n}")
    except FileExistsError:
        return True
    return False
