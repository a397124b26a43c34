"""The programs, healthy and with a leak added, their load, and the half that each belongs to."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from analysis import ROOT
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
        variables = self.environment.items()
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
            "environment": {k: v.replace(str(TOOLS), "TOOLS").replace(str(ROOT), ".") for k, v in variables},
        }


def _python(version: str) -> str:
    if version == "3.11":
        return str(TOOLS / "py311" / "bin" / "python")
    patch = {"3.12": "3.12.1", "3.13": "3.13.0"}[version]
    return f"{os.environ.get('PYENV_ROOT', Path.home() / '.pyenv')}/versions/{patch}/bin/python"


def _source(name: str) -> str:
    return str(SERVERS / name)


def _preload(library: str) -> dict[str, str]:
    return {"LD_PRELOAD": str(_LIBRARIES / library)}


def _binary(name: str) -> tuple[str, ...]:
    return (str(TOOLS / "bin" / name),)


_JEMALLOC = _preload("libjemalloc.so.2")
_MIMALLOC = _preload("libmimalloc.so.2")
_TCMALLOC = _preload("libtcmalloc_minimal.so.4")
_PYTHON = {"PYTHONPATH": str(ROOT)}
_MALLOC = {"PYTHONMALLOC": "malloc"}
_CACHE, _TEXT = {"MODE": "cache"}, {"MODE": "text"}
_CACHES, _TEXTS = "JSON in an LRU cache, a log", "word counts of texts of heavy-tailed size, sessions, a log"


def _py(name: str, version: str, allocator: str, what: str, workers: int = 1) -> Program:
    code = name[: name.index("-")]
    command = (_python(version), "-u", _source(f"py_{code}.py"))
    return Program(name, code, f"CPython {version}", allocator, command, what, _PYTHON, workers)


def _with(program: Program, *variables: Mapping[str, str]) -> Program:
    together = {name: value for each in (program.environment, *variables) for name, value in each.items()}
    return replace(program, environment=together)


def _python_programs() -> Iterator[Program]:
    documents = "JSON documents in an LRU cache, sessions that expire, a log; asyncio"
    yield _py("documents-py312", "3.12", "pymalloc", documents)
    yield _py("documents-py313", "3.13", "pymalloc", documents)
    uvloop = _py("documents-uvloop-jemalloc", "3.11", "jemalloc", documents)
    yield _with(uvloop, {"LOOP": "uvloop"}, _MALLOC, _JEMALLOC)
    yield _py("documents-prefork3-py312", "3.12", "pymalloc", documents, 3)
    texts = "compresses and compares texts on a pool of threads that grows to 16; buffers a thread"
    pool = _py("pool-py313", "3.13", "pymalloc + glibc, an arena a thread", texts)
    yield _with(pool, {"THREADS": "16"})
    pool = _py("pool-arena1-py311", "3.11", "glibc, one arena", texts)
    yield _with(pool, {"THREADS": "16", "MALLOC_ARENA_MAX": "1"}, _MALLOC)
    orders = "orders in SQLite in memory, purged every 1000 requests"
    yield _py("sqlite-prefork4-py312", "3.12", "pymalloc + glibc", orders, 4)
    yield _with(_py("sqlite-mimalloc-py313", "3.13", "mimalloc", orders), _MALLOC, _MIMALLOC)
    yield _py("duckdb-py311", "3.11", "DuckDB's jemalloc + pymalloc", "aggregates in DuckDB, rewritten now and then")
    yield _py("lua-py311", "3.11", "Lua's collector over malloc", "rules in a Lua state with a bounded cache")
    yield _py("quickjs-py311", "3.11", "QuickJS's counting over malloc", "templates in QuickJS with a bounded cache")
    yield _py("redis-py311", "3.11", "pymalloc; Redis's own", "sessions in a Redis of at most 8 MB")
    yield _py("lmdb-py311", "3.11", "pymalloc + glibc", "blobs in LMDB, a memory-mapped file")
    yield _py("rocks-py311", "3.11", "RocksDB over glibc", "counters in RocksDB, memtables of 4 MB flushed in turn")
    yield _py("numpy-py311", "3.11", "numpy over glibc", "Fourier transforms of arrays of heavy-tailed size")
    yield Program(
        name="granian-workers2",
        code="granian",
        language="CPython 3.11 + Rust",
        allocator="pymalloc + mimalloc of Granian",
        command=("/bin/sh", _source("py_granian.sh"), str(TOOLS / "py311" / "bin" / "granian")),
        what="an ASGI application with an LRU cache of pages under Granian",
        environment=_PYTHON,
        workers=2,
    )


def _native_programs() -> Iterator[Program]:
    store = "values in a hash table, least recently used thrown out, a ring of log lines; epoll"
    for name, allocator, variables, workers in (
        ("glibc", "glibc, one arena", {}, 1),
        ("jemalloc", "jemalloc", _JEMALLOC, 1),
        ("mimalloc", "mimalloc", _MIMALLOC, 1),
        ("threads8", "glibc, an arena a thread", {"THREADS": "8"}, 1),
        ("prefork3", "glibc", {}, 3),
    ):
        yield Program(f"c-store-{name}", "c-store", "C", allocator, _binary("c_store"), store, variables, workers)
    index = "an inverted index over the last texts, sessions, scratch vectors of heavy-tailed size"
    for name, allocator, variables, workers in (
        ("threads6", "glibc, an arena a thread", {"THREADS": "6"}, 1),
        ("tcmalloc", "tcmalloc", _TCMALLOC, 1),
        ("prefork2", "glibc", {}, 2),
        ("arena1", "glibc, one arena, 6 threads", {"THREADS": "6", "MALLOC_ARENA_MAX": "1"}, 1),
    ):
        yield Program(
            f"cpp-index-{name}", "cpp-index", "C++", allocator, _binary("cpp_index"), index, variables, workers
        )
    rs = _binary("rs_api")
    yield Program("rs-cache", "rs-cache", "Rust", "glibc, an arena a thread", rs, _CACHES, _CACHE)
    yield Program("rs-text-jemalloc", "rs-text", "Rust", "jemalloc", rs, _TEXTS, {**_TEXT, **_JEMALLOC})
    yield Program("rs-text", "rs-text", "Rust", "glibc, an arena a thread", rs, _TEXTS, _TEXT)


def _collected_programs() -> Iterator[Program]:
    script = _source("js_api.js")
    node = ("node", script)
    small = ("node", "--max-semi-space-size=2", script)
    bun = (str(TOOLS / "bun"), script)
    deno = (str(TOOLS / "deno"), "run", "-A", "--no-prompt", "--quiet", "--unstable-detect-cjs", script)
    yield Program("js-cache-node", "js-cache", "Node 20", "V8", node, _CACHES, _CACHE)
    yield Program("js-cache-node-cluster3", "js-cache", "Node 20", "V8", node, _CACHES, _CACHE, 3)
    yield Program("js-cache-bun", "js-cache", "Bun", "JavaScriptCore, mimalloc", bun, _CACHES, _CACHE)
    yield Program("js-text-node", "js-text", "Node 20", "V8, small semi-spaces", small, _TEXTS, _TEXT)
    yield Program("js-text-node-cluster2", "js-text", "Node 20", "V8", node, _TEXTS, _TEXT, 2)
    yield Program("js-text-deno", "js-text", "Deno", "V8", deno, _TEXTS, _TEXT)
    java = ("-XX:TieredStopAtLevel=1", "-cp", str(TOOLS / "bin"), "JavaApi")
    g1 = ("java", "-XX:+UseG1GC", "-Xmx256m", *java)
    serial = ("java", "-XX:+UseSerialGC", "-Xmx160m", *java)
    little = ("java", "-XX:+UseSerialGC", "-Xmx128m", "-Xms16m", *java)
    parallel = ("java", "-XX:+UseParallelGC", "-Xmx192m", *java)
    yield Program("java-cache-g1", "java-cache", "Java 17", "JVM G1", g1, _CACHES, _CACHE)
    yield Program("java-cache-serial", "java-cache", "Java 17", "JVM Serial", serial, _CACHES, _CACHE)
    yield Program("java-text-serial", "java-text", "Java 17", "JVM Serial", little, _TEXTS, _TEXT)
    yield Program("java-text-parallel", "java-text", "Java 17", "JVM Parallel", parallel, _TEXTS, _TEXT)
    go = _binary("go_api")
    yield Program("go-cache", "go-cache", "Go", "Go", go, _CACHES, {**_CACHE, "GOMAXPROCS": "2"})
    yield Program("go-text", "go-text", "Go", "Go", go, _TEXTS, {**_TEXT, "GOMAXPROCS": "2"})
    yield Program("go-text-gogc400", "go-text", "Go", "Go, GOGC=400", go, _TEXTS, {**_TEXT, "GOGC": "400"})


PROGRAMS = {
    program.name: program
    for programs in (_python_programs, _native_programs, _collected_programs)
    for program in programs()
}

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
