"""What ``aging guard`` itself takes: CPU with that of its looks, and memory, at its default intervals."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from analysis.benchmarks.figures import Line

_WATCHED_SECONDS = 12 * 60.0
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
    """Of one growing process under `trend`, for 12 minutes; a look is a process of its own, whose CPU counts."""
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


def guard_month() -> Iterator[Line]:
    """Of 30 accelerated days of the state machine, every 5 s a reading: memory between the third day and the last.

    A leak of 1 GiB a day is ended by `threshold` at 1 GiB: thirty generations, forty thousand states stored.
    """
    import tracemalloc  # noqa: PLC0415 - for this alone

    from tests.guard.simulation import MIB, Simulation  # noqa: PLC0415

    where = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=where) as folder:
        sim = Simulation(Path(folder), interval=5.0, leak_per_hour=1024 * MIB / 24)
        began, days, process = sim.now.mono, 0, psutil.Process()
        at: dict[int, tuple[float, float]] = {}
        while days < 30:
            if sim.step():
                sim.act()
            if sim.now.mono - began >= (days + 1) * 86_400:
                days += 1
                if days == 2:
                    tracemalloc.start()
                if days in (3, 30):
                    at[days] = process.memory_info().rss, float(tracemalloc.get_traced_memory()[0])
            if sim.watch.guarding.limit and int(sim.now.mono) % 15 == 0:
                sim.said.clear()
        tally = sim.watch.state.tally
        sim.close()
    resident, traced = (at[30][which] - at[3][which] for which in (0, 1))
    yield Line("aging guard: a month's growth of resident memory", resident / 2**10, "KB", None, "day 3 to 30")
    yield Line("aging guard: a month's growth of allocated objects", traced / 2**10, "KB", None, "day 3 to 30")
    yield Line("aging guard: rejuvenations of that month", sum(tally.outcomes.values()), "", None, "1 GiB a day")
