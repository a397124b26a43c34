"""Which processes hold how much of a device's memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pynvml

from aging.sampling.nvml import Device

Usage = Mapping[int, int | None]
"""Bytes of one device's memory by pid; None where NVML lists the process without its memory."""


def process_memory(device: Device) -> Usage:
    """Bytes of the device's memory by pid, of compute, graphics and MPS client processes. Raises NVMLError."""
    lists = [
        _listed(pynvml.nvmlDeviceGetComputeRunningProcesses_v3, pynvml.nvmlDeviceGetComputeRunningProcesses_v2, device)
    ]
    # a device without graphics, or a driver without MPS, has no such processes
    with suppress(pynvml.NVMLError_NotSupported):
        lists.append(
            _listed(
                pynvml.nvmlDeviceGetGraphicsRunningProcesses_v3,
                pynvml.nvmlDeviceGetGraphicsRunningProcesses_v2,
                device,
            )
        )
    with suppress(pynvml.NVMLError_NotSupported, pynvml.NVMLError_FunctionNotFound):
        lists.append(
            _listed(
                pynvml.nvmlDeviceGetMPSComputeRunningProcesses_v3,
                pynvml.nvmlDeviceGetMPSComputeRunningProcesses_v2,
                device,
            )
        )
    parts: dict[tuple[int, int, int], int] = {}
    for process in (process for listed in lists for process in listed):
        part = (process.pid, process.gpuInstanceId, process.computeInstanceId)
        # with contexts of two kinds it is in two lists, with all of its memory in each: do not add them up
        parts[part] = max(parts.get(part, 0), process.usedGpuMemory or 0)
    usage: dict[int, int | None] = {}
    for (pid, _, _), used in parts.items():
        before = usage.get(pid, 0)
        # every context has memory: a driver that could not look the process up reports 0
        usage[pid] = None if used == 0 or before is None else before + used
    return usage


def _listed(ask: Callable[[Device], list[Any]], older: Callable[[Device], list[Any]], device: Device) -> list[Any]:
    try:
        return ask(device)
    except pynvml.NVMLError_FunctionNotFound:  # drivers before 510
        return older(device)
