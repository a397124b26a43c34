"""The host as a whole: memory, swap, load and CPU, through psutil."""

from __future__ import annotations

import os
from collections.abc import Iterable

import psutil

from aging.model import HARNESS, Reading
from aging.samplers import Sampler


class HostSampler(Sampler):
    """What every deployment of the campaign shares."""

    kind = "host"
    default_interval = 5.0

    def read(self) -> Iterable[Reading]:
        memory, swap, cpu = psutil.virtual_memory(), psutil.swap_memory(), psutil.cpu_times()
        values: dict[str, float] = {
            "host_memory_total_bytes": memory.total,
            "host_memory_available_bytes": memory.available,
            "host_memory_used_bytes": memory.used,
            "host_swap_used_bytes": swap.used,
            "host_load_1m": os.getloadavg()[0],
            "host_processes": len(psutil.pids()),
            "host_cpu_user_seconds_total": cpu.user,
            "host_cpu_system_seconds_total": cpu.system,
            "host_cpu_idle_seconds_total": cpu.idle,
        }
        steal = getattr(cpu, "steal", None)  # only where the host is a guest that can tell
        if steal is not None:
            values["host_cpu_steal_seconds_total"] = steal
        return [Reading(HARNESS, "host", 1, values)]
