"""Which limits an indicator may run into, by the names of the readings that have them.

A limit of the kernel comes with the room that is left to it (``aging.sampling.samplers.limits``): what an indicator may
reach is its own level plus that room, since others may use the same group, user or host.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aging.core.metrics import DEVICE_MEMORY, PRIMARY, is_share

_LEVELS = "limit_cgroup_memory_levels"
_NEAR = 0.01


@dataclass(frozen=True, slots=True)
class KernelLimit:
    """A limit of the kernel: the readings of it and of the room left to it, and its name for a row and a text."""

    limit: str
    room: str
    name: Callable[[Mapping[str, float], str], str]

    def reach(self, row: Mapping[str, float], level: float) -> float:
        """The most that an indicator of this ``level`` may reach, in its unit."""
        value, nominal = level + row[self.room], row[self.limit]
        # Level and room are read at slightly different times; where nothing else uses the limit they add up to it.
        return nominal if abs(value - nominal) <= _NEAR * nominal else value


def _of_the_group(row: Mapping[str, float], size: str) -> str:
    levels = int(row.get(_LEVELS) or 0)
    if not levels:
        return f"its control group's {size}"
    return f"the {size} of the control group {levels} {'level' if levels == 1 else 'levels'} above its own"


_MEMORY = (
    KernelLimit("limit_cgroup_memory_bytes", "limit_cgroup_memory_room_bytes", _of_the_group),
    KernelLimit("limit_host_memory_bytes", "limit_host_memory_room_bytes", lambda _, size: f"the host's {size}"),
    KernelLimit(
        "limit_address_space_bytes",
        "limit_address_space_room_bytes",
        lambda _, size: f"its address space limit of {size} (ulimit -v)",
    ),
)

KERNEL: Mapping[str, Sequence[KernelLimit]] = {
    PRIMARY: _MEMORY,
    "process_vms_bytes": _MEMORY[2:],
    "process_fds": (
        KernelLimit(
            "limit_open_files", "limit_open_files_room", lambda _, count: f"its limit of {count} open files (ulimit -n)"
        ),
        KernelLimit(
            "limit_host_open_files",
            "limit_host_open_files_room",
            lambda _, count: f"the host's limit of {count} open files",
        ),
    ),
    "process_threads": (
        KernelLimit(
            "limit_cgroup_threads",
            "limit_cgroup_threads_room",
            lambda _, count: f"its control group's limit of {count} threads (pids.max)",
        ),
        KernelLimit(
            "limit_user_threads",
            "limit_user_threads_room",
            lambda _, count: f"its user's limit of {count} threads (ulimit -u)",
        ),
        KernelLimit(
            "limit_host_threads", "limit_host_threads_room", lambda _, count: f"the host's limit of {count} threads"
        ),
    ),
}
"""The kernel's limits by indicator."""

WHOLE: Mapping[str, str] = {
    DEVICE_MEMORY: "device_process_memory_limit_bytes",
    **dict.fromkeys(
        ("cgroup_memory_usage_bytes", "cgroup_memory_anon_bytes", "cgroup_memory_shmem_bytes"),
        "cgroup_memory_limit_bytes",
    ),
}
"""Readings that are the limit of another indicator as they are, by that indicator."""


def least_room(indicator: str, row: Mapping[str, float]) -> KernelLimit | None:
    """The limit of an indicator that is met first, of those in the ``row``; None where it has none."""
    known = [one for one in KERNEL.get(indicator, ()) if math.isfinite(row.get(one.room, math.nan))]
    return min(known, key=lambda one: row[one.room], default=None)


def may_have_limit(indicator: str) -> bool:
    """Whether a limit of the indicator can be read at all, so that a share of it can be known."""
    return indicator in KERNEL or indicator in WHOLE or (indicator.startswith("engine_") and is_share(indicator))
