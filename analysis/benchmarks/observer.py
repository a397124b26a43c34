"""What ``aging observe`` itself takes: CPU to start, memory, and CPU while it watches."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import psutil

from analysis.benchmarks.figures import Line

_STARTS = 5
_WATCHED_SECONDS = 120.0
_SETTLES_SECONDS = 45.0
"""After which it has filled its allocator's spare blocks, and every sampler has read once."""

_IDLE = "import time\nwhile True: time.sleep(1)"


def observer() -> Iterator[Line]:
    """Of an observation of 2 hours of one idle process: five starts, of which the last is watched on."""
    with subprocess.Popen([sys.executable, "-c", _IDLE]) as target, tempfile.TemporaryDirectory() as folder:
        try:
            started = [_started(target.pid, Path(folder)) for _ in range(_STARTS)]
            yield Line("aging observe: CPU until it samples", median(started) * 1e3, "ms", None, "5 starts")
            yield from _watching(target.pid, Path(folder))
        finally:
            target.kill()


def _started(pid: int, folder: Path) -> float:
    """Seconds of CPU until the first row lies on the disk."""
    observing = _begin(pid, folder)
    try:
        process = psutil.Process(observing.pid)
        known = _rows(folder)
        while _rows(folder) == known:
            time.sleep(0.02)
        return _cpu(process)
    finally:
        observing.kill()
        observing.wait()


def _watching(pid: int, folder: Path) -> Iterator[Line]:
    observing = _begin(pid, folder)
    try:
        process = psutil.Process(observing.pid)
        time.sleep(_SETTLES_SECONDS)
        before, began = _cpu(process), time.monotonic()
        time.sleep(_WATCHED_SECONDS)
        share = (_cpu(process) - before) / (time.monotonic() - began)
        members = [process, *process.children(recursive=True)]
        resident = sum(one.memory_info().rss for one in members)
        yield Line(
            "aging observe: resident memory of all its processes", resident / 2**20, "MB", len(members), "process"
        )
        yield Line("aging observe: CPU while it watches", share * 100, "% of a core", None, f"{_WATCHED_SECONDS:g} s")
    finally:
        observing.kill()
        observing.wait()


def _begin(pid: int, folder: Path) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "aging", "observe", "--pid", str(pid), "--for", "2h", "--results", str(folder)]
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _rows(folder: Path) -> int:
    return sum(1 for _ in folder.glob("*/*/*/r01/process/*"))


def _cpu(process: psutil.Process) -> float:
    used = process.cpu_times()
    return used.user + used.system
