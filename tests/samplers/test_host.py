"""The host sampler beside the kernel's own files."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from aging.model import HARNESS, Reading
from aging.samplers.host import HostSampler

NAMES = {
    "host_memory_total_bytes",
    "host_memory_available_bytes",
    "host_memory_used_bytes",
    "host_swap_used_bytes",
    "host_load_1m",
    "host_processes",
    "host_cpu_user_seconds_total",
    "host_cpu_system_seconds_total",
    "host_cpu_idle_seconds_total",
    "host_cpu_steal_seconds_total",
}


def _read() -> Reading:
    [reading] = HostSampler(list).read()
    return reading


def _meminfo() -> dict[str, int]:
    """``/proc/meminfo`` in bytes."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return {key: int(text.split()[0]) * 1024 for key, text in (line.split(":") for line in lines)}


def test_one_reading_for_the_whole_host_with_nothing_missing() -> None:
    reading = _read()
    assert (reading.owner, reading.entity, reading.generation) == (HARNESS, "host", 1)
    assert reading.missing == {}
    assert set(reading.values) == NAMES


def test_memory_is_the_kernels_in_bytes() -> None:
    values, kernel = _read().values, _meminfo()
    assert values["host_memory_total_bytes"] == kernel["MemTotal"]
    near = kernel["MemTotal"] / 10  # others allocate between the two looks
    assert values["host_memory_available_bytes"] == pytest.approx(kernel["MemAvailable"], abs=near)
    assert values["host_swap_used_bytes"] == pytest.approx(kernel["SwapTotal"] - kernel["SwapFree"], abs=near)
    assert 0 < values["host_memory_used_bytes"] < values["host_memory_total_bytes"]


def test_processes_and_load_are_counts() -> None:
    values = _read().values
    processes = sum(entry.isdigit() for entry in os.listdir("/proc"))
    assert values["host_processes"] == pytest.approx(processes, abs=max(10, processes / 5))
    assert 0 <= values["host_load_1m"] < 10_000


def test_cpu_time_is_counted_in_seconds() -> None:
    before, start = _read().values, time.monotonic()
    burnt = time.process_time() + 0.3
    while time.process_time() < burnt:
        pass
    after, elapsed = _read().values, time.monotonic() - start
    rise = {name: after[name] - before[name] for name in NAMES if name.endswith("_seconds_total")}
    assert rise["host_cpu_user_seconds_total"] + rise["host_cpu_system_seconds_total"] >= 0.25
    assert sum(rise.values()) <= (elapsed + 0.1) * (os.cpu_count() or 1)
    assert all(seconds >= 0 for seconds in rise.values())
