"""What ``aging guard`` itself takes: CPU with that of its looks, and memory, at its default intervals."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from analysis.benchmarks.figures import Line

_WATCHED_SECONDS = 15 * 60.0
"""More than one look: the first is after 10 minutes."""

_SETTLES_SECONDS = 20.0
_EVERY_SECONDS = 5.0

_GROWING = "import time\nheld = []\nwhile True:\n    held.append(bytearray(1 << 16))\n    time.sleep(1)"
_TREND = ("--policy", "trend", "--set", "within=2h", "--limit", "8GiB", "--dry-run")


@dataclass(slots=True)
class _Taken:
    """CPU seconds of the process and its ended children, and the largest resident memory of it and of a child."""

    cpu: float
    resident: float
    child: float


def guard() -> Iterator[Line]:
    """Of one growing process under `trend`, for 15 minutes; a look is a process of its own, whose CPU counts."""
    with subprocess.Popen([sys.executable, "-c", _GROWING]) as target, tempfile.TemporaryDirectory() as folder:
        argv = [sys.executable, "-m", "aging", "guard", "--pid", str(target.pid), *_TREND, "--state", folder]
        with subprocess.Popen([*argv, "--listen", "none"], stderr=subprocess.DEVNULL) as guarding:
            try:
                yield from _watched(psutil.Process(guarding.pid))
            finally:
                guarding.terminate()
                target.kill()


def _watched(process: psutil.Process) -> Iterator[Line]:
    time.sleep(_SETTLES_SECONDS)
    began, before = time.monotonic(), _cpu(process)
    seen = _Taken(before, 0.0, 0.0)
    while time.monotonic() - began < _WATCHED_SECONDS:
        seen.resident = max(seen.resident, float(process.memory_info().rss))
        for child in process.children():
            try:
                seen.child = max(seen.child, float(child.memory_info().rss))
            except psutil.NoSuchProcess:
                continue
        time.sleep(_EVERY_SECONDS if time.monotonic() - began < 570 else 0.2)
    seen.cpu, seconds = _cpu(process), time.monotonic() - began
    minutes = f"{seconds / 60:.0f} minutes"
    yield Line("aging guard: CPU, looks included", (seen.cpu - before) / seconds * 100, "% of a core", None, minutes)
    yield Line("aging guard: resident memory, largest", seen.resident / 2**20, "MB", None, minutes)
    yield Line("aging guard: resident memory of a look, largest", seen.child / 2**20, "MB", None, "a second each")


def _cpu(process: psutil.Process) -> float:
    used = process.cpu_times()
    return used.user + used.system + used.children_user + used.children_system
