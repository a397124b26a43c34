"""Which process leaks: recordings of a real pre-forking server of four workers, of which one leaks, or all do.

Every recording is ``aging observe`` of a server that has answered 2,000 requests, for a minute, under some 40 requests
a second that the workers share as the kernel gives them out. The place of the leaking worker is random. Named right is
the pid of the worker that leaks; where all leak alike, none should be named.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aging.core.metrics import PRIMARY
from analysis import ROOT
from analysis.methods.study import conduct, generator, progress

WORKERS = 4
RECORDINGS = 20
SECONDS = 60
_SIDE_BY_SIDE = 5
_RATE = 40.0
_WARM_UP = 2_000
"""Requests before the recording: the heap of a fresh worker grows for the first hundreds, whether it leaks or not."""

_SMALL, _LARGE = 700, 4096
"""Bytes of a request that a worker keeps: at ten requests a second some 0.4 and 2.3 MiB a minute."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One server: the numbers of its leaking workers, and what was said of its growth."""

    leaking: tuple[int, ...]
    leaking_pids: tuple[int, ...]
    verdict: str
    named_pid: int | None
    shown: bool
    share: float


def record(number: int, leaking: tuple[int, ...], leak: int, seconds: int = SECONDS) -> Recording:
    """Observe one server for ``seconds``."""
    with tempfile.TemporaryDirectory() as folder, _server(number, leaking, leak) as (parent, port, workers):
        for _ in range(_WARM_UP):
            _ask(port)
        with _requests(port):
            command = [sys.executable, "-m", "aging", "observe", "--pid", str(parent), "--for", f"{seconds}s"]
            run = subprocess.run([*command, "--results", folder], cwd=ROOT, capture_output=True, text=True, check=False)
        (found,) = Path(folder).glob("*/*/findings.json")
        return _judged(json.loads(found.read_text()), leaking, workers, run.stdout)


def _judged(findings: dict[str, Any], leaking: tuple[int, ...], workers: tuple[int, ...], said: str) -> Recording:
    memory = next(one for one in findings["findings"] if one["indicator"] == PRIMARY and "/" not in one["deployment"])
    pids = tuple(workers[number - 1] for number in leaking)
    places = memory["places"][0] if memory["places"] else {"named": None, "processes": []}
    named = [one["pid"] for one in places["processes"] if one["label"] == places["named"]]
    share = sum(one["share"] for one in places["processes"] if one["pid"] in pids)
    progress(f"{leaking}: {memory['verdict']}, {next((line for line in said.splitlines() if 'Where' in line), '–')}")
    return Recording(leaking, pids, memory["verdict"], named[0] if named else None, bool(memory["places"]), share)


@contextlib.contextmanager
def _server(number: int, leaking: tuple[int, ...], leak: int) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """A server's pid, its port, and the pids of its workers."""
    argv = [sys.executable, "-m", "analysis.methods.prefork_server", "--workers", str(WORKERS), "--seed", str(number)]
    argv += ["--leak-bytes", str(leak), "--leaking", *map(str, leaking)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port, *workers = map(int, process.stdout.readline().split())
            yield process.pid, port, tuple(workers)
        finally:
            process.terminate()


@contextlib.contextmanager
def _requests(port: int) -> Iterator[None]:
    """Requests at a steady rate, each on a connection of its own."""
    over = threading.Event()

    def send() -> None:
        due = time.monotonic()
        while not over.is_set():
            _ask(port)
            due += 1 / _RATE
            time.sleep(max(due - time.monotonic(), 0.0))

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _ask(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.suppress(OSError), contextlib.closing(connection):
        connection.request("GET", "/")
        connection.getresponse().read()


def row(arrangement: str, recordings: list[Recording]) -> dict[str, object]:
    """What was said of all recordings of one arrangement."""
    return {
        "arrangement": arrangement,
        "recordings": len(recordings),
        "growth_shown": sum(one.shown for one in recordings),
        "named_right": sum(one.named_pid in one.leaking_pids and len(one.leaking) == 1 for one in recordings),
        "named_wrong": sum(one.named_pid is not None and one.named_pid not in one.leaking_pids for one in recordings),
        "none_named": sum(one.named_pid is None for one in recordings),
        "median_share_of_leaking": float(np.median([one.share for one in recordings])),
    }


def measure(full: bool) -> pd.DataFrame:
    """One row an arrangement."""
    count = RECORDINGS if full else 2
    drawn = generator("growth_places").integers(1, WORKERS + 1, count)
    one: list[tuple[int, ...]] = [(int(place),) for place in drawn]
    every: list[tuple[int, ...]] = [tuple(range(1, WORKERS + 1))] * count
    arrangements = (
        ("one worker of four leaks 2.3 MiB/min", one, _LARGE),
        ("all four workers leak 2.3 MiB/min", every, _LARGE),
        ("one worker of four leaks 0.4 MiB/min", one, _SMALL),
    )
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        rows = [
            row(what, list(pool.map(record, range(count), leaking, [leak] * count)))
            for what, leaking, leak in arrangements
        ]
    return pd.DataFrame(rows)


if __name__ == "__main__":
    conduct("growth_places", __doc__, measure)
