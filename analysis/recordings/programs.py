"""The programs, healthy and with a leak added, their load, and the half that each belongs to."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from analysis.recordings.load import Requests, Shape

Half = Literal["tune", "held-out"]
Truth = Literal["healthy", "fills", "leak"]

SERVERS = Path(__file__).parent / "servers"
TOOLS = Path(os.environ.get("RECORDINGS_TOOLS", "recordings-env")).resolve()
"""Runtimes, libraries and what was built of the sources; :mod:`analysis.recordings.build` makes it."""

_SPLIT_SEED = 20261129
_LIBRARIES = TOOLS / "sys" / "usr" / "lib" / "x86_64-linux-gnu"


@dataclass(frozen=True, slots=True)
class Leak:
    """A constant payload a request, added in the server."""

    kind: str
    """The structure, a name of ``servers/leaks.py``, ``wire.h`` and so on."""
    payload: int
    """Bytes a request."""
    after: int = 0
    """Requests that a worker serves before it leaks."""
    worker: int | None = None
    """The one that leaks; None: the only one, or all."""


@dataclass(frozen=True, slots=True)
class Program:
    """A server's code under one runtime and allocator."""

    name: str
    code: str
    """What it does, by source and mode; all programs of one code lie in one half."""
    language: str
    allocator: str
    command: tuple[str, ...]
    what: str
    environment: Mapping[str, str] = field(default_factory=dict)
    workers: int = 1
    others: tuple[str, ...] = ()
    """Names of further processes, in the order of their pids."""


@dataclass(frozen=True, slots=True)
class Server:
    """One recording to make."""

    name: str
    program: Program
    truth: Truth
    leak: Leak | None
    shape: Shape
    requests: Requests
    minutes: float
    cap: int | None
    cap_text: str = ""

    @property
    def workers(self) -> int:
        """Worker processes."""
        return self.program.workers

    @property
    def command(self) -> tuple[str, ...]:
        """What to run."""
        return self.program.command

    @property
    def environment(self) -> dict[str, str]:
        """Variables of the server."""
        told = dict(self.program.environment) | {"WORKERS": str(self.program.workers)}
        if self.cap is not None:
            told["CAP"] = str(self.cap)
        if self.leak is not None:
            told |= {"LEAK": self.leak.kind, "DOSE": str(self.leak.payload), "LEAK_AFTER": str(self.leak.after)}
            if self.leak.worker is not None:
                told["LEAK_WORKER"] = str(self.leak.worker)
        return told

    def description(self) -> dict[str, object]:
        """All that is known before the recording."""
        return {
            "name": self.name,
            "program": self.program.name,
            "code": self.program.code,
            "half": half(self.program.code),
            "truth": self.truth,
            "language": self.program.language,
            "allocator": self.program.allocator,
            "workers": self.program.workers,
            "what": self.program.what,
            "cap_entries": self.cap,
            "cap": self.cap_text,
            "load": asdict(self.shape),
            "requests": asdict(self.requests),
            "leak": None if self.leak is None else asdict(self.leak),
            "environment": {k: v.replace(str(TOOLS), "TOOLS") for k, v in self.environment.items()},
        }


def _python(version: str) -> str:
    if version == "3.11":
        return str(TOOLS / "py311" / "bin" / "python")
    patch = {"3.12": "3.12.1", "3.13": "3.13.0"}[version]
    return f"{os.environ.get('PYENV_ROOT', '/root/.pyenv')}/versions/{patch}/bin/python"


def _source(name: str) -> str:
    return str(SERVERS / name)


def _preload(library: str) -> dict[str, str]:
    return {"LD_PRELOAD": str(_LIBRARIES / library)}


_JEMALLOC = _preload("libjemalloc.so.2")
_MIMALLOC = _preload("libmimalloc.so.2")
_TCMALLOC = _preload("libtcmalloc_minimal.so.4")
_MALLOC = {"PYTHONMALLOC": "malloc"}
_NODE = "node"
_DENO = str(TOOLS / "deno")
_BUN = str(TOOLS / "bun")
_CACHE, _TEXT = {"MODE": "cache"}, {"MODE": "text"}


def _py(
    name: str, code: str, version: str, allocator: str, what: str, workers: int = 1, **environment: str
) -> Program:
    return Program(
        f"{code}-{name}",
        code,
        f"CPython {version}",
        allocator,
        (_python(version), "-u", _source(f"py_{code}.py")),
        what,
        environment,
        workers,
    )


def _programs() -> Iterator[Program]:
    documents = "JSON documents in an LRU cache, sessions that expire, a log; asyncio"
    yield _py("py312", "documents", "3.12", "pymalloc", documents)
    yield _py("py313", "documents", "3.13", "pymalloc", documents)
    yield _py("uvloop-jemalloc", "documents", "3.11", "jemalloc", documents, LOOP="uvloop", **_MALLOC, **_JEMALLOC)
    yield _py("prefork3-py312", "documents", "3.12", "pymalloc", documents, 3)
    pool = "compresses and compares texts on a pool of threads that grows to 16; buffers a thread"
    yield _py("py313", "pool", "3.13", "pymalloc + glibc, an arena a thread", pool, THREADS="16")
    yield _py("arena1-py311", "pool", "3.11", "glibc, one arena", pool, MALLOC_ARENA_MAX="1", THREADS="16", **_MALLOC)
    orders = "orders in SQLite in memory, purged every 1000 requests"
    yield _py("prefork4-py312", "sqlite", "3.12", "pymalloc + glibc", orders, 4)
    yield _py("mimalloc-py313", "sqlite", "3.13", "mimalloc", orders, **_MALLOC, **_MIMALLOC)
    yield _py("py311", "duckdb", "3.11", "DuckDB's jemalloc + pymalloc", "aggregates in DuckDB, rewritten now and then")
    yield _py("py311", "lua", "3.11", "Lua's collector over malloc", "rules in a Lua state with a bounded cache")
    yield _py("py311", "quickjs", "3.11", "QuickJS's counting over malloc", "templates in QuickJS with a bounded cache")
    redis = _py("py311", "redis", "3.11", "pymalloc; Redis's own", "sessions in a Redis of at most 8 MB")
    yield replace(redis, others=("redis",))
    yield _py("py311", "lmdb", "3.11", "pymalloc + glibc", "blobs in LMDB, a memory-mapped file")
    yield _py("py311", "rocks", "3.11", "RocksDB over glibc", "counters in RocksDB, memtables of 4 MB flushed in turn")
    yield _py("py311", "numpy", "3.11", "numpy over glibc", "Fourier transforms of arrays of heavy-tailed size")
    granian = ("/bin/sh", _source("py_granian.sh"), str(TOOLS / "py311" / "bin" / "granian"))
    yield Program(
        "granian-workers2", "granian", "CPython 3.11 + Rust", "pymalloc + mimalloc of Granian", granian,
        "an ASGI application with an LRU cache of pages under Granian", {}, 2,
    )  # fmt: skip
    store = "values in a hash table, least recently used thrown out, a ring of log lines; epoll"
    for name, allocator, environment, workers in (
        ("glibc", "glibc, one arena", {}, 1),
        ("jemalloc", "jemalloc", _JEMALLOC, 1),
        ("mimalloc", "mimalloc", _MIMALLOC, 1),
        ("threads8", "glibc, an arena a thread", {"THREADS": "8"}, 1),
        ("prefork3", "glibc", {}, 3),
    ):
        command = (str(TOOLS / "bin" / "c_store"),)
        yield Program(f"c-store-{name}", "c-store", "C", allocator, command, store, environment, workers)
    index = "an inverted index over the last texts, sessions, scratch vectors of heavy-tailed size"
    for name, allocator, environment, workers in (
        ("threads6", "glibc, an arena a thread", {"THREADS": "6"}, 1),
        ("tcmalloc", "tcmalloc", _TCMALLOC, 1),
        ("prefork2", "glibc", {}, 2),
        ("arena1", "glibc, one arena, 6 threads", {"THREADS": "6", "MALLOC_ARENA_MAX": "1"}, 1),
    ):
        command = (str(TOOLS / "bin" / "cpp_index"),)
        yield Program(f"cpp-index-{name}", "cpp-index", "C++", allocator, command, index, environment, workers)
    cache, text = "JSON in an LRU cache, a log", "word counts of texts of heavy-tailed size, sessions, a log"
    js = _source("js_api.js")
    deno = (_DENO, "run", "-A", "--no-prompt", "--quiet", "--unstable-detect-cjs")
    for name, mode, language, allocator, command, workers in (
        ("js-cache-node", _CACHE, "Node 20", "V8", (_NODE, js), 1),
        ("js-cache-node-cluster3", _CACHE, "Node 20", "V8", (_NODE, js), 3),
        ("js-cache-bun", _CACHE, "Bun", "JavaScriptCore, mimalloc", (_BUN, js), 1),
        ("js-text-node", _TEXT, "Node 20", "V8, small semi-spaces", (_NODE, "--max-semi-space-size=2", js), 1),
        ("js-text-node-cluster2", _TEXT, "Node 20", "V8", (_NODE, js), 2),
        ("js-text-deno", _TEXT, "Deno", "V8", (*deno, js), 1),
    ):
        what = cache if mode is _CACHE else text
        yield Program(name, name[: name.index("-", 3)], language, allocator, command, what, mode, workers)
    for name, mode, allocator, options in (
        ("java-cache-g1", _CACHE, "JVM G1", ("-XX:+UseG1GC", "-Xmx256m")),
        ("java-cache-serial", _CACHE, "JVM Serial", ("-XX:+UseSerialGC", "-Xmx160m")),
        ("java-text-serial", _TEXT, "JVM Serial", ("-XX:+UseSerialGC", "-Xmx128m", "-Xms16m")),
        ("java-text-parallel", _TEXT, "JVM Parallel", ("-XX:+UseParallelGC", "-Xmx192m")),
    ):
        what = cache if mode is _CACHE else text
        command = ("java", *options, "-XX:TieredStopAtLevel=1", "-cp", str(TOOLS / "bin"), "JavaApi")
        yield Program(name, name[: name.index("-", 5)], "Java 17", allocator, command, what, mode)
    go = (str(TOOLS / "bin" / "go_api"),)
    yield Program("go-cache", "go-cache", "Go", "Go", go, cache, {**_CACHE, "GOMAXPROCS": "2"})
    yield Program("go-text", "go-text", "Go", "Go", go, text, {**_TEXT, "GOMAXPROCS": "2"})
    yield Program("go-text-gogc400", "go-text", "Go", "Go, GOGC=400", go, text, {**_TEXT, "GOGC": "400"})
    rs = (str(TOOLS / "bin" / "rs_api"),)
    yield Program("rs-cache", "rs-cache", "Rust", "glibc, an arena a thread", rs, cache, _CACHE)
    yield Program("rs-text-jemalloc", "rs-text", "Rust", "jemalloc", rs, text, {**_TEXT, **_JEMALLOC})
    yield Program("rs-text", "rs-text", "Rust", "glibc, an arena a thread", rs, text, _TEXT)


PROGRAMS = {program.name: program for program in _programs()}

_STRATA = (
    ("documents", "pool", "sqlite", "granian"),
    ("duckdb", "lua", "quickjs", "redis", "lmdb", "rocks", "numpy"),
    ("c-store", "cpp-index"),
    ("js-cache", "js-text"),
    ("java-cache", "java-text"),
    ("go-cache", "go-text"),
    ("rs-cache", "rs-text"),
)


def _halves() -> dict[str, Half]:
    rng = random.Random(_SPLIT_SEED)
    halves: dict[str, Half] = {}
    for stratum in _STRATA:
        codes = list(stratum)
        rng.shuffle(codes)
        half: Half
        for index, code in enumerate(codes):
            half = "tune" if index < len(codes) / 2 else "held-out"
            halves[code] = half
    return halves


_HALVES = _halves()


def half(code: str) -> Half:
    """The half of a code: drawn with a seed, language by language, before anything was recorded."""
    return _HALVES[code]
