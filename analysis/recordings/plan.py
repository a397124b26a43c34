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
    "pool-py313": (Shape(5, idle=30), _TAIL_SMALL, 300, "healthy"),
    "pool-arena1-py311": (Shape(10, change=1500, factor=2), _TAIL_SMALL, 500, "healthy"),
    "sqlite-prefork4-py312": (Shape(20), Requests(keys=500), 800, "healthy"),
    "sqlite-mimalloc-py313": (Shape(10, change=3000, factor=0), Requests(keys=500), 3000, "healthy"),
    "duckdb-py311": (Shape(2, idle=20), Requests(), 12_000, "healthy"),
    "lua-py311": (Shape(10), Requests(), 1000, "healthy"),
    "quickjs-py311": (Shape(5), _WIDE, 10_000, "fills"),
    "redis-py311": (Shape(10, idle=90), Requests(), None, "healthy"),
    "lmdb-py311": (Shape(10, burst_every=300), Requests(), 1500, "healthy"),
    "rocks-py311": (Shape(20), Requests(), None, "healthy"),
    "numpy-py311": (Shape(10), _TAIL, 500, "healthy"),
    "granian-workers2": (Shape(10, idle=45), _FEW, 1000, "healthy"),
    "c-store-glibc": (Shape(20), _TAIL_KEYS, 800, "healthy"),
    "c-store-jemalloc": (Shape(50), Requests(), 3000, "healthy"),
    "c-store-mimalloc": (Shape(10), _WIDE, 30_000, "fills"),
    "c-store-threads8": (Shape(20, idle=120), Requests(), 250, "healthy"),
    "c-store-prefork3": (Shape(20, burst_every=420, burst_factor=3), Requests(), 1000, "healthy"),
    "cpp-index-threads6": (Shape(20), _TAIL, 3000, "healthy"),
    "cpp-index-tcmalloc": (Shape(10, idle=30), _TAIL, 2000, "healthy"),
    "cpp-index-prefork2": (Shape(5, change=1800, factor=3), _TAIL_SMALL, 1000, "healthy"),
    "cpp-index-arena1": (Shape(10), _TAIL, 20_000, "fills"),
    "js-cache-node": (Shape(10), Requests(), 800, "healthy"),
    "js-cache-node-cluster3": (Shape(20, idle=20), Requests(), 800, "healthy"),
    "js-cache-bun": (Shape(10), Requests(), 1000, "healthy"),
    "js-text-node": (Shape(5), _TAIL_SMALL, None, "healthy"),
    "js-text-node-cluster2": (Shape(10, change=2700, factor=0.1), _TAIL_SMALL, None, "healthy"),
    "js-text-deno": (Shape(5, idle=60), _TAIL_SMALL, None, "healthy"),
    "java-cache-g1": (Shape(10), Requests(), 1200, "healthy"),
    "java-cache-serial": (Shape(5), _WIDE, 20_000, "fills"),
    "java-text-serial": (Shape(5), _TAIL_SMALL, None, "healthy"),
    "java-text-parallel": (Shape(10, burst_every=600), _TAIL_SMALL, None, "healthy"),
    "go-cache": (Shape(20), Requests(), 1500, "healthy"),
    "go-text": (Shape(5, idle=40), _TAIL_SMALL, None, "healthy"),
    "go-text-gogc400": (Shape(10), _TAIL_SMALL, None, "healthy"),
    "rs-cache": (Shape(20), _WIDE, 30_000, "fills"),
    "rs-text-jemalloc": (Shape(10), _TAIL_SMALL, None, "healthy"),
    "rs-text": (Shape(2), _TAIL_SMALL, None, "healthy"),
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
}


def _healthy() -> Iterator[Server]:
    for name, (shape, requests, cap, truth) in _HEALTHY.items():
        text = f"at most {cap} entries a worker" if cap is not None else ""
        yield Server(f"{name}-healthy", PROGRAMS[name], truth, None, shape, requests, HEALTHY_MINUTES, cap, text)


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


WAVES: dict[str, list[Server]] = {"healthy": list(_healthy())} | {
    f"leak{wave}": list(_leaking(wave)) for wave in _LEAKS
}
