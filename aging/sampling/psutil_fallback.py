"""Processes through psutil, where there is no Linux ``/proc``: fewer values, at a higher cost."""

from __future__ import annotations

import time

import psutil

from aging.core.processes.tree import Processes

REDUCED = (
    "there is no Linux /proc here: resident and virtual memory, descriptors, threads and CPU through psutil;"
    " anonymous memory plus swap, the leak indicator, is missing"
)

_LINUX_ONLY = (
    "process_anon_swap_bytes",
    "process_anon_bytes",
    "process_swap_bytes",
    "process_shared_bytes",
    "process_voluntary_switches_total",
    "process_involuntary_switches_total",
    "process_minor_faults_total",
    "process_major_faults_total",
    "process_read_bytes_total",
    "process_write_bytes_total",
)


def read_process(pid: int, missing: dict[str, str], *, with_reaped: bool) -> dict[str, float]:
    """One process's indicators, like :func:`aging.sampling.samplers.process.read_process`; a zombie has no values.

    Raises ProcessLookupError when it has ended, PermissionError where it may not be seen.
    """
    missing.update(dict.fromkeys(_LINUX_ONLY, "only available on Linux"))
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            if process.status() == psutil.STATUS_ZOMBIE:
                return {}
            memory, cpu = process.memory_info(), process.cpu_times()
            values: dict[str, float] = {
                "process_rss_bytes": memory.rss,
                "process_vms_bytes": memory.vms,
                "process_threads": process.num_threads(),
                "process_uptime_seconds": time.time() - process.create_time(),
                "process_cpu_seconds_total": cpu.user + cpu.system + (_reaped(cpu) if with_reaped else 0.0),
            }
            try:
                values["process_fds"] = process.num_fds()
            except psutil.AccessDenied:
                missing["process_fds"] = "permission denied"
    except psutil.ZombieProcess:
        return {}
    except psutil.NoSuchProcess:
        raise ProcessLookupError(pid) from None
    except psutil.AccessDenied:
        raise PermissionError(pid) from None
    return values


def processes() -> Processes:
    """Every process that may be seen; without its session."""
    parents, starts = {}, {}
    for process in psutil.process_iter(["ppid", "create_time"]):
        parents[process.pid] = process.info["ppid"]
        starts[process.pid] = round((process.info["create_time"] or 0.0) * 1000)
    return Processes(parents, {}, starts)


def _reaped(cpu: object) -> float:
    """CPU seconds of the children that were waited for; not every system reports them."""
    return float(getattr(cpu, "children_user", 0.0) + getattr(cpu, "children_system", 0.0))
