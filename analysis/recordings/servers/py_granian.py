"""An ASGI application under Granian (Rust runtime, worker processes): templates, sessions, a bounded LRU cache."""

import functools
import os
import string

from leaks import Leak

state = {}
sessions = {}
TEMPLATE = string.Template("<li id=$i class=$c>$word</li>\n")


@functools.lru_cache(maxsize=int(os.environ.get("CAP", "1500")))
def page(key, size, text):
    words = text.split()
    return "".join(TEMPLATE.substitute(i=i, c=key % 7, word=words[i % len(words)]) for i in range(1 + size // 60))


def handle(key, size, body):
    text = body.decode("ascii", "replace")
    html = page(key % 5000, size // 500 * 500, text[:120] or "none")
    sessions[key % 1500] = {"last": text[:200], "size": size, "path": [key, size, len(html)]}
    return html[: 200 + size // 2].encode()


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"].endswith("shutdown"):
                return
    if not state:
        folder = os.environ["TICKETS"]
        worker = next(n for n in range(64) if not _taken(folder, n))
        state.update(worker=worker, leak=Leak(worker))
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    _, key, size = scope["path"].split("/")
    reply = handle(int(key), int(size), body)
    leak = state["leak"]
    leak()
    told = f"{state['worker']} {os.getpid()} {leak.payload} {leak.counted}".encode()
    headers = [(b"content-length", str(len(reply)).encode()), (b"x-w", told)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": reply})


def _taken(folder, n):
    try:
        os.mkdir(f"{folder}/{n}")
    except FileExistsError:
        return True
    return False
