"""What is recorded: every program healthy, and twins with leaks, in waves."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.recordings.load import Requests, Shape
from analysis.recordings.programs import PROGRAMS, Leak, Server, Truth

HEALTHY_MINUTES = 60.0
_LEAKING_MINUTES = 25.0

_TAIL = Requests(keys=400, uniform=True, tail=1.3, median=800.0, most=400_000)
_TAIL_SMALL = Requests(keys=400, uniform=True, tail=1.6, median=600.0, most=100_000)
_TAIL_KEYS = Requests(tail=1.6, median=600.0, most=100_000)
_WIDE = Requests(keys=200_000)
_FEW = Requests(keys=3000)

# program: rate, shape, requests, cap in entries, truth
_HEALTHY: dict[str, tuple[Shape, Requests, int | None, Truth]] = {
    "documents-py312": (Shape(10), Requests(), 600, "healthy"),
    "documents-py313": (Shape(5), _WIDE, 20_000, "fills"),
    "documents-uvloop-jemalloc": (Shape(20, idle=60), Requests(), 1000, "healthy"),
    "documents-prefork3-py312": (Shape(20, change=2400, factor=0.2), Requests(), 500, "healthy"),
    "pool-py313": (Shape(5, idle=30), _TAIL_SMALL, 300, "fills"),
    "pool-arena1-py311": (Shape(10, change=1500, factor=2), _TAIL_SMALL, 500, "fills"),
    "sqlite-prefork4-py312": (Shape(20), Requests(keys=500), 800, "healthy"),
    "sqlite-mimalloc-py313": (Shape(10, change=3000, factor=0), Requests(keys=500), 3000, "healthy"),
    "duckdb-py311": (Shape(2, idle=20), Requests(), 12_000, "healthy"),
    "lua-py311": (Shape(10), Requests(), 1000, "healthy"),
    "quickjs-py311": (Shape(5), _WIDE, 10_000, "fills"),
    "redis-py311": (Shape(10, idle=90), Requests(), None, "healthy"),
    "lmdb-py311": (Shape(10, burst_every=300), Requests(), 1500, "healthy"),
    "rocks-py311": (Shape(20), Requests(), None, "healthy"),
    "numpy-py311": (Shape(10), _TAIL, 500, "healthy"),
    "granian-workers2": (Shape(10, idle=45), _FEW, 1000, "fills"),
    "c-store-glibc": (Shape(20), _TAIL_KEYS, 800, "healthy"),
    "c-store-jemalloc": (Shape(50), Requests(), 3000, "healthy"),
    "c-store-mimalloc": (Shape(10), _WIDE, 30_000, "fills"),
    "c-store-threads8": (Shape(20, idle=120), Requests(), 250, "healthy"),
    "c-store-prefork3": (Shape(20, burst_every=420, burst_factor=3), Requests(), 1000, "healthy"),
    "cpp-index-threads6": (Shape(20), _TAIL, 3000, "healthy"),
    "cpp-index-tcmalloc": (Shape(10, idle=30), _TAIL, 2000, "healthy"),
    "cpp-index-prefork2": (Shape(5, change=1800, factor=3), _TAIL_SMALL, 1000, "fills"),
    "cpp-index-arena1": (Shape(10), _TAIL, 20_000, "fills"),
    "js-cache-node": (Shape(10), Requests(), 800, "healthy"),
    "js-cache-node-cluster3": (Shape(20, idle=20), Requests(), 800, "healthy"),
    "js-cache-bun": (Shape(10), Requests(), 1000, "healthy"),
    "js-text-node": (Shape(5), _TAIL_SMALL, None, "healthy"),
    "js-text-node-cluster2": (Shape(10, change=2700, factor=0.1), _TAIL_SMALL, None, "healthy"),
    "js-text-deno": (Shape(5, idle=60), _TAIL_SMALL, None, "healthy"),
    "java-cache-g1": (Shape(10), Requests(), 1200, "healthy"),
    "java-cache-serial": (Shape(5), _WIDE, 20_000, "fills"),
    "java-text-serial": (Shape(5), _TAIL_SMALL, None, "fills"),
    "java-text-parallel": (Shape(10, burst_every=600), _TAIL_SMALL, None, "healthy"),
    "go-cache": (Shape(20), Requests(), 1500, "healthy"),
    "go-text": (Shape(5, idle=40), _TAIL_SMALL, None, "healthy"),
    "go-text-gogc400": (Shape(10), _TAIL_SMALL, None, "healthy"),
    "rs-cache": (Shape(20), _WIDE, 30_000, "fills"),
    "rs-text-jemalloc": (Shape(10), _TAIL_SMALL, None, "healthy"),
    "rs-text": (Shape(2), _TAIL_SMALL, None, "healthy"),
}

# The same programs under other loads: label, then as above.
_HEALTHY_TOO: dict[str, tuple[str, Shape, Requests, int | None, Truth]] = {
    "documents-py312": ("slow", Shape(2, idle=60), Requests(), 300, "healthy"),
    "documents-py313": ("midway", Shape(5), _WIDE, 2500, "fills"),
    "documents-prefork3-py312": ("slow", Shape(5), Requests(keys=2000), 200, "healthy"),
    "sqlite-prefork4-py312": ("slow", Shape(5, idle=60), Requests(keys=300), 150, "healthy"),
    "quickjs-py311": ("small", Shape(10, idle=30), Requests(), 600, "healthy"),
    "lua-py311": ("bursts", Shape(5, burst_every=240), Requests(), 500, "healthy"),
    "duckdb-py311": ("fast", Shape(5), Requests(median=3000.0), 30_000, "healthy"),
    "rocks-py311": ("idle", Shape(5, idle=100), Requests(), None, "fills"),
    "granian-workers2": ("stops", Shape(5, change=2700, factor=0.0), _FEW, 300, "fills"),
    "redis-py311": ("slow", Shape(5, change=1800, factor=2.0), Requests(), None, "healthy"),
    "c-store-glibc": ("midway", Shape(5), Requests(keys=200_000, uniform=True), 9000, "fills"),
    "c-store-threads8": ("churn", Shape(20), Requests(keys=200_000, uniform=True, spread=1.5), 150, "healthy"),
    "cpp-index-tcmalloc": ("slow", Shape(2), _TAIL, 600, "fills"),
    "cpp-index-prefork2": ("bursts", Shape(5, idle=20, burst_every=500), _TAIL, 400, "fills"),
    "js-cache-node": ("churn", Shape(5), Requests(keys=1_000_000, uniform=True), 1500, "healthy"),
    "js-cache-bun": ("wide", Shape(5), _WIDE, 20_000, "fills"),
    "js-text-deno": ("fast", Shape(10), _TAIL_SMALL, None, "healthy"),
    "js-text-node": ("slow", Shape(2, idle=120), _TAIL_SMALL, None, "healthy"),
    "java-cache-g1": ("slow", Shape(2), Requests(), 300, "fills"),
    "java-text-parallel": ("falls", Shape(5, change=2400, factor=0.2), _TAIL_SMALL, None, "healthy"),
    "go-cache": ("wide", Shape(5, idle=30), _WIDE, 20_000, "fills"),
    "go-text": ("slow", Shape(2, idle=120), _TAIL_SMALL, None, "healthy"),
    "rs-cache": ("small", Shape(10, burst_every=330), Requests(), 800, "healthy"),
    "rs-text-jemalloc": ("fast", Shape(20, idle=30), _TAIL_SMALL, None, "healthy"),
}

# wave: program, kind, payload bytes a request, rate, requests before the leak, the worker that leaks, seconds idle
_LEAKS: dict[int, tuple[tuple[str, str, int, float, int, int | None, float], ...]] = {
    1: (
        ("documents-py312", "list", 256, 50, 0, None, 0),
        ("documents-py313", "dict", 4096, 5, 0, None, 30),
        ("documents-uvloop-jemalloc", "objects", 1024, 10, 3000, None, 0),
        ("documents-prefork3-py312", "list", 1024, 50, 0, 1, 0),
        ("pool-py313", "chunks", 1024, 10, 0, None, 20),
        ("sqlite-prefork4-py312", "dict", 1024, 50, 0, 2, 0),
        ("sqlite-mimalloc-py313", "slabs", 600, 14, 0, None, 0),  # staircase
        ("lua-py311", "lua", 1024, 10, 3000, None, 0),
        ("quickjs-py311", "script", 256, 20, 0, None, 0),
        ("c-store-glibc", "blocks", 256, 50, 0, None, 0),
        ("c-store-threads8", "chunks", 1024, 20, 0, None, 60),
        ("c-store-prefork3", "hash", 1024, 50, 0, 0, 0),
        ("cpp-index-threads6", "vector", 1024, 50, 0, None, 0),
        ("cpp-index-tcmalloc", "slabs", 600, 14, 0, None, 0),  # staircase
        ("js-cache-node", "list", 1024, 20, 0, None, 0),
        ("js-text-node-cluster2", "objects", 1024, 10, 0, 1, 0),
        ("java-cache-g1", "list", 1024, 50, 0, None, 0),
        ("java-text-serial", "vector", 600, 14, 0, None, 0),  # staircase
        ("go-cache", "list", 1024, 50, 0, None, 0),
        ("rs-cache", "list", 256, 50, 0, None, 0),
        ("rs-text-jemalloc", "map", 4096, 5, 0, None, 20),
    ),
    2: (
        ("documents-py312", "dict", 600, 14, 0, None, 0),  # staircase
        ("documents-py313", "fd", 256, 20, 0, None, 0),
        ("documents-uvloop-jemalloc", "list", 4096, 20, 0, None, 0),
        ("documents-prefork3-py312", "objects", 256, 50, 3000, 2, 0),
        ("pool-arena1-py311", "list", 1024, 20, 0, None, 0),
        ("sqlite-prefork4-py312", "chunks", 4096, 20, 0, 0, 40),
        ("duckdb-py311", "bytearray", 16384, 2, 0, None, 0),
        ("redis-py311", "list", 1024, 20, 0, None, 0),
        ("lmdb-py311", "arena", 1024, 20, 0, None, 0),
        ("rocks-py311", "dict", 1024, 20, 6000, None, 0),
        ("numpy-py311", "objects", 1024, 20, 0, None, 0),
        ("granian-workers2", "list", 1024, 20, 0, 1, 0),
        ("c-store-jemalloc", "chunks", 256, 50, 20_000, None, 0),
        ("c-store-mimalloc", "blocks", 1024, 50, 0, None, 0),
        ("c-store-glibc", "fd", 256, 50, 0, None, 0),
        ("cpp-index-arena1", "blocks", 600, 14, 0, None, 0),  # staircase
        ("cpp-index-prefork2", "vector", 4096, 20, 0, 0, 0),
        ("js-cache-bun", "buffers", 1024, 50, 0, None, 0),
        ("js-cache-node-cluster3", "map", 1024, 50, 0, 1, 0),
        ("js-text-node", "vector", 600, 14, 0, None, 0),  # staircase
        ("js-text-deno", "list", 4096, 5, 0, None, 0),
        ("java-cache-serial", "map", 1024, 20, 0, None, 0),
        ("java-text-parallel", "chunks", 4096, 10, 0, None, 30),
        ("go-text", "slabs", 600, 14, 0, None, 0),  # staircase
        ("go-text-gogc400", "map", 1024, 20, 0, None, 0),
        ("rs-text", "slabs", 600, 14, 0, None, 0),  # staircase
    ),
    3: (
        ("documents-py312", "thread", 256, 20, 0, None, 0),
        ("documents-py313", "list", 16384, 2, 0, None, 0),
        ("documents-prefork3-py312", "chunks", 4096, 20, 0, None, 0),
        ("pool-py313", "dict", 256, 20, 0, None, 0),
        ("lua-py311", "lua", 256, 50, 0, None, 0),
        ("quickjs-py311", "script", 4096, 5, 0, None, 60),
        ("rocks-py311", "slabs", 600, 14, 0, None, 0),  # staircase
        ("granian-workers2", "dict", 256, 50, 0, None, 0),
        ("sqlite-mimalloc-py313", "list", 256, 50, 0, None, 0),
        ("c-store-threads8", "thread", 256, 50, 0, None, 0),
        ("c-store-prefork3", "arena", 1024, 50, 0, 2, 0),
        ("c-store-glibc", "hash", 4096, 10, 0, None, 30),
        ("c-store-jemalloc", "vector", 1024, 20, 0, None, 0),
        ("c-store-mimalloc", "slabs", 600, 14, 0, None, 0),  # staircase
        ("cpp-index-tcmalloc", "blocks", 256, 50, 0, None, 0),
        ("cpp-index-threads6", "hash", 16384, 2, 0, None, 0),
        ("js-cache-node", "objects", 256, 50, 0, None, 0),
        ("js-text-node-cluster2", "map", 4096, 10, 0, 0, 0),
        ("java-cache-g1", "vector", 4096, 10, 0, None, 0),
        ("java-cache-serial", "thread", 256, 20, 0, None, 0),
        ("go-cache", "vector", 256, 50, 0, None, 0),
        ("go-text", "goroutine", 256, 20, 0, None, 0),
        ("rs-cache", "chunks", 1024, 20, 8000, None, 0),
        ("rs-text", "vector", 1024, 10, 0, None, 0),
        ("js-cache-bun", "map", 256, 20, 0, None, 0),
    ),
    4: (
        ("documents-uvloop-jemalloc", "bytearray", 1024, 50, 0, None, 20),
        ("documents-py313", "objects", 256, 10, 0, None, 0),
        ("sqlite-prefork4-py312", "arena", 1024, 20, 0, 3, 0),
        ("sqlite-mimalloc-py313", "fd", 1024, 10, 0, None, 0),
        ("pool-arena1-py311", "chunks", 256, 50, 0, None, 0),
        ("duckdb-py311", "dict", 4096, 5, 0, None, 0),
        ("redis-py311", "slabs", 600, 14, 0, None, 0),  # staircase
        ("lmdb-py311", "list", 256, 50, 0, None, 0),
        ("numpy-py311", "slabs", 600, 14, 0, None, 0),  # staircase
        ("quickjs-py311", "script", 1024, 20, 6000, None, 0),
        ("lua-py311", "lua", 16384, 2, 0, None, 0),
        ("c-store-prefork3", "blocks", 256, 50, 0, None, 0),
        ("c-store-mimalloc", "chunks", 4096, 10, 3000, None, 0),
        ("cpp-index-arena1", "hash", 1024, 20, 0, None, 0),
        ("cpp-index-prefork2", "chunks", 1024, 50, 0, 1, 0),
        ("js-cache-node-cluster3", "list", 4096, 20, 0, 2, 0),
        ("js-text-node", "chunks", 1024, 10, 0, None, 0),
        ("js-text-deno", "map", 256, 20, 0, None, 0),
        ("java-text-serial", "list", 1024, 20, 0, None, 0),
        ("java-text-parallel", "objects", 256, 20, 0, None, 0),
        ("go-text-gogc400", "list", 256, 50, 0, None, 0),
        ("go-cache", "map", 4096, 10, 3000, None, 0),
        ("rs-cache", "slabs", 600, 14, 0, None, 0),  # staircase
        ("rs-text-jemalloc", "list", 256, 20, 0, None, 0),
    ),
}


def _healthy() -> Iterator[Server]:
    for name, (shape, requests, cap, truth) in _HEALTHY.items():
        text = f"at most {cap} entries a worker" if cap is not None else ""
        yield Server(f"{name}-healthy", PROGRAMS[name], truth, None, shape, requests, HEALTHY_MINUTES, cap, text)


def _healthy_too() -> Iterator[Server]:
    for name, (label, shape, requests, cap, truth) in _HEALTHY_TOO.items():
        text = f"at most {cap} entries a worker" if cap is not None else ""
        name_too = f"{name}-healthy-{label}"
        yield Server(name_too, PROGRAMS[name], truth, None, shape, requests, HEALTHY_MINUTES, cap, text)


def _leaking(wave: int) -> Iterator[Server]:
    for name, kind, payload, rate, after, worker, idle in _LEAKS[wave]:
        _, requests, cap, _ = _HEALTHY[name]
        yield Server(
            f"{name}-leak-{kind}-{payload}-at-{rate:g}",
            PROGRAMS[name],
            "leak",
            Leak(kind, payload, after, worker),
            Shape(rate, idle),
            requests,
            _LEAKING_MINUTES,
            cap,
            f"at most {cap} entries a worker" if cap is not None else "",
        )


WAVES: dict[str, list[Server]] = {"healthy": list(_healthy()), "healthy2": list(_healthy_too())} | {
    f"leak{wave}": list(_leaking(wave)) for wave in _LEAKS
}
