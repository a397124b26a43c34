"""A counters service on RocksDB: memtables that fill and are flushed (a sawtooth), a block cache of 8 MB."""

import tempfile

import rocksdict

from analysis.recordings.servers import wire
from analysis.recordings.servers.leaks import Leak

options = rocksdict.Options(raw_mode=True)
options.create_if_missing(True)
options.set_write_buffer_size(4 << 20)
options.set_max_write_buffer_number(2)
blocks = rocksdict.BlockBasedOptions()
blocks.set_block_cache(rocksdict.Cache(8 << 20))
options.set_block_based_table_factory(blocks)
store = rocksdict.Rdict(tempfile.mkdtemp(), options)


def handle(key: int, size: int, body: bytes) -> bytes:
    name = b"k%010d" % key
    old = store.get(name) or b""
    store[name] = (body + old)[: 500 + size]
    store[b"l%010d" % (key * 7919 % 100_003)] = body[:300]
    return old[:400] or b"new"


wire.serve(handle, Leak())
