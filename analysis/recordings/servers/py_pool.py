"""A text service on a pool of threads that grows to its cap: compresses, counts words, compares with older texts."""

import collections
import concurrent.futures
import difflib
import os
import re
import threading
import zlib

from analysis.recordings.servers import wire
from analysis.recordings.servers.leaks import Leak

leak = Leak()
lock = threading.Lock()
recent: collections.deque[tuple[int, bytes]] = collections.deque(maxlen=int(os.environ.get("CAP", "300")))
counts: collections.Counter[str] = collections.Counter()
WORD = re.compile(r"[a-z]+")
local = threading.local()


def handle(key: int, size: int, body: bytes) -> bytes:
    text = (body * (1 + size // max(1, len(body)))).decode("ascii", "replace")
    packed = zlib.compress(text.encode(), 3)
    words = collections.Counter(WORD.findall(text))
    scratch = getattr(local, "scratch", None)
    if scratch is None:
        scratch = local.scratch = bytearray(256 * 1024)  # a thread's own buffer
    scratch[: min(len(packed), len(scratch))] = packed[: len(scratch)]
    with lock:
        recent.append((key, packed))
        counts.update(dict(words.most_common(30)))
        if len(counts) > 20_000:
            for word, _ in counts.most_common()[10_000:]:
                del counts[word]
        other = recent[key % len(recent)][1]
    match = difflib.SequenceMatcher(None, text[:60], zlib.decompress(other)[:60].decode()).ratio()
    return f"{match:.3f} {len(packed)} {words.most_common(5)}".encode()


pool = concurrent.futures.ThreadPoolExecutor(int(os.environ.get("THREADS", "16")))
sock = wire.listener()
while True:
    connection, _ = sock.accept()
    pool.submit(wire.converse, connection, handle, leak)
