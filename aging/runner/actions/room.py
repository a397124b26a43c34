"""Whether two servers fit where one runs: memory of the host, of its control groups, and of the devices."""

from __future__ import annotations

from collections.abc import Sequence

import psutil

from aging.core.metrics import PRIMARY
from aging.runner.levels import DEVICE_LIMIT, DEVICE_MEMORY, Levels
from aging.runner.server import Server
from aging.runner.watchdogs.memory import Memory

_MARGIN = 1.1
"""A successor needs what this generation needed at its start, and a little more while both answer."""


def too_little_room(server: Server, levels: Levels) -> str | None:
    """Why a second server would not fit, with the numbers; None if it would, or if nothing is known."""
    generation = server.generation
    need = levels.at_start(generation, PRIMARY) or _private_memory(server.pids)
    memory = Memory.now()
    if need is not None and memory.available < need * _MARGIN:
        return _sentence(need, memory.available, memory.limit)
    held, most = levels.now(generation, DEVICE_MEMORY), levels.now(generation, DEVICE_LIMIT)
    need = levels.at_start(generation, DEVICE_MEMORY)
    if need and held is not None and most is not None and most - held < need * _MARGIN:
        return _sentence(need, most - held, "its devices")
    return None


def _private_memory(roots: Sequence[int]) -> float | None:
    """What the processes hold for themselves now, where no sampler has read it yet; None if it cannot be read."""
    held = 0
    for root in roots:
        try:
            for process in (psutil.Process(root), *psutil.Process(root).children(recursive=True)):
                memory = process.memory_info()
                held += memory.rss - memory.shared
        except psutil.Error:
            continue
    return held or None


def _sentence(need: float, available: float, where: str) -> str:
    mib = 2**20
    return (
        f"it took {need / mib:,.0f} MiB at its start, a successor needs {need * _MARGIN / mib:,.0f} MiB, and "
        f"{where} has {available / mib:,.0f} MiB left"
    )
