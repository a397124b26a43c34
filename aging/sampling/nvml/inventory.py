"""The GPUs of this host as a study compares them: driver, CUDA, models, clocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pynvml

from aging.sampling.nvml import Device
from aging.sampling.nvml.identity import in_time


@dataclass(frozen=True, slots=True)
class Installed:
    """A GPU. Memory in bytes, clocks in MHz: those that are set for applications, else the highest of the device."""

    uuid: str
    model: str
    memory: int
    used: int | None
    clock_mhz: int | None
    memory_clock_mhz: int | None


@dataclass(frozen=True, slots=True)
class Inventory:
    """The GPUs of a host, in NVML's order, their driver, and the newest CUDA that it supports (``12.4``)."""

    driver: str | None = None
    cuda: str | None = None
    gpus: Sequence[Installed] = ()


def inventory() -> Inventory:
    """What NVML knows of this host; empty where it does not answer."""
    try:
        return in_time(_asked)
    except TimeoutError:
        return Inventory()


def _asked() -> Inventory:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return Inventory()
    try:
        count = _told(pynvml.nvmlDeviceGetCount) or 0
        found = [_told(pynvml.nvmlDeviceGetHandleByIndex, index) for index in range(count)]
        gpus = [_installed(device) for device in found if device is not None]
        return Inventory(_told(pynvml.nvmlSystemGetDriverVersion), _cuda(), gpus)
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _installed(device: Device) -> Installed:
    memory = _told(pynvml.nvmlDeviceGetMemoryInfo, device)
    return Installed(
        uuid=_told(pynvml.nvmlDeviceGetUUID, device) or "unknown",
        model=_told(pynvml.nvmlDeviceGetName, device) or "unknown",
        memory=0 if memory is None else memory.total,
        used=None if memory is None else memory.used,
        clock_mhz=_clock(device, pynvml.NVML_CLOCK_SM),
        memory_clock_mhz=_clock(device, pynvml.NVML_CLOCK_MEM),
    )


def _clock(device: Device, which: int) -> int | None:
    applications: int | None = _told(pynvml.nvmlDeviceGetApplicationsClock, device, which)
    return applications or _told(pynvml.nvmlDeviceGetMaxClockInfo, device, which)


def _cuda() -> str | None:
    """NVML has 1000 times the major version plus 10 times the minor one."""
    number = _told(pynvml.nvmlSystemGetCudaDriverVersion_v2)
    return None if number is None else f"{number // 1000}.{number % 1000 // 10}"


def _told(ask: Callable[..., Any], *args: Any) -> Any:
    """The answer of NVML; None where it gives no answer, or the driver is too old for the question."""
    try:
        return ask(*args)
    except pynvml.NVMLError:
        return None
