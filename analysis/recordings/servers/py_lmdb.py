"""A blob service on LMDB: a memory-mapped file with a bounded number of keys, read back and rewritten."""

import os
import tempfile
import zlib

import lmdb

from analysis.recordings.servers import wire
from analysis.recordings.servers.leaks import Leak

store = lmdb.open(tempfile.mkdtemp(), map_size=1 << 28, sync=False)
CAP = int(os.environ.get("CAP", "2000"))


def handle(key: int, size: int, body: bytes) -> bytes:
    name = b"%08d" % (key % CAP)
    with store.begin(write=True) as tx:
        old = tx.get(name) or b""
        text = zlib.decompress(old) if old else b""
        tx.put(name, zlib.compress((body + text)[: 2000 + size], 1))
        count = tx.stat()["entries"]
    return text[:500] + b" %d" % count


wire.serve(handle, Leak())
