"""A document service: parses JSON, keeps rendered documents in a bounded LRU cache, sessions that expire, a log."""

import collections
import itertools
import json
import os
import random
import time
from typing import TypedDict

from analysis.recordings.servers import wire
from analysis.recordings.servers.leaks import Leak

CAP = int(os.environ.get("CAP", "5000"))
TTL = float(os.environ.get("TTL", "120"))
cache: collections.OrderedDict[int, bytes] = collections.OrderedDict()
sessions: dict[int, "Session"] = {}
log: collections.deque[str] = collections.deque(maxlen=2000)
counter = itertools.count(1)


class Session(TypedDict):
    """What is kept of a user."""

    seen: list[str]
    since: float
    until: float


def render(key: int, size: int, words: list[str]) -> bytes:
    rng = random.Random(key)
    rows = [
        {"id": rng.getrandbits(48), "name": rng.choice(words), "score": rng.random(), "tags": rng.sample(words, 3)}
        for _ in range(1 + size // 160)
    ]
    return json.dumps({"key": key, "rows": rows}).encode()


def handle(key: int, size: int, body: bytes) -> bytes:
    served = next(counter)
    now = time.monotonic()
    words = body.decode("ascii", "replace").split() or ["empty"]
    words += ["alpha", "beta", "gamma"]
    document = cache.get(key)
    if document is None:
        document = cache[key] = render(key, size, words)
        if len(cache) > CAP:
            cache.popitem(last=False)
    else:
        cache.move_to_end(key)
    session = sessions.setdefault(key % 997, {"seen": [], "since": now, "until": now})
    session["seen"] = [*session["seen"][-20:], words[0]]
    session["until"] = now + TTL
    if served % 500 == 0:
        for dead in [name for name, each in sessions.items() if each["until"] < now]:
            del sessions[dead]
    log.append(f"{now:.3f} POST /{key}/{size} {len(body)} {words[:4]}")
    return document[: 200 + size // 4]


workers = int(os.environ.get("WORKERS", "1"))
worker = wire.fork(workers) if workers > 1 else 0
wire.serve(handle, Leak(worker), worker)
