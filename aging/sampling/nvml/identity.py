"""Whether NVML is available, its devices, and the MIG instances of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Thread
from typing import Any, TypeVar

import pynvml

from aging.sampling.nvml import Device

_START_SECONDS = 60.0
"""NVML takes seconds a device to start where no daemon keeps the driver loaded; with a broken device it never does."""


def devices() -> list[dict[str, Any]]:
    """The devices, in NVML's order, for the manifest; empty where NVML does not answer."""
    try:
        return in_time(_described)
    except TimeoutError:
        return []


_Answer = TypeVar("_Answer")


def in_time(ask: Callable[[], _Answer]) -> _Answer:
    """The answer to ``ask``; TimeoutError where a hanging driver never gives one. It must raise nothing itself."""
    answers: list[_Answer] = []
    asking = Thread(target=lambda: answers.append(ask()), name="nvml", daemon=True)
    asking.start()
    asking.join(_START_SECONDS)
    if not answers:
        raise TimeoutError(f"NVML does not answer within {_START_SECONDS:g} s")
    return answers[0]


def why_unavailable() -> str | None:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError_LibraryNotFound:
        return "the NVIDIA driver's libnvidia-ml.so.1 is not installed"
    except pynvml.NVMLError_DriverNotLoaded:
        return "the NVIDIA driver is not loaded"
    except pynvml.NVMLError as error:
        return f"NVML does not start: {error}"
    try:
        return None if pynvml.nvmlDeviceGetCount() else "NVML finds no device"
    except pynvml.NVMLError as error:
        return f"NVML does not count its devices: {error}"
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _described() -> list[dict[str, Any]]:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        driver = _told(pynvml.nvmlSystemGetDriverVersion)
        return [_description(index, driver) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _description(index: int, driver: str | None) -> dict[str, Any]:
    described: dict[str, Any] = {"entity": f"gpu{index}", "driver_version": driver}
    try:
        device = pynvml.nvmlDeviceGetHandleByIndex(index)
        mig = in_mig_mode(device)
    except pynvml.NVMLError as error:
        return described | {"missing": f"NVML: {error}"}
    described |= _identity(device) | {"mig_mode": mig}
    if mig:
        described["instances"] = [
            {"entity": f"gpu{index}/mig{number}"} | _identity(instance) for number, instance in instance_handles(device)
        ]
    return described


def _identity(device: Device) -> dict[str, Any]:
    return {
        "name": _told(pynvml.nvmlDeviceGetName, device),
        "uuid": _told(pynvml.nvmlDeviceGetUUID, device),
        "memory_total_bytes": _told(lambda: pynvml.nvmlDeviceGetMemoryInfo(device).total),
    }


def _told(ask: Callable[..., Any], *args: Any) -> Any:
    """The answer of NVML; None where it gives no answer."""
    try:
        return ask(*args)
    except pynvml.NVMLError:
        return None


def in_mig_mode(device: Device) -> bool:
    try:
        current, _ = pynvml.nvmlDeviceGetMigMode(device)
    except (pynvml.NVMLError_NotSupported, pynvml.NVMLError_FunctionNotFound):  # most devices, drivers before 450
        return False
    return bool(current == pynvml.NVML_DEVICE_MIG_ENABLE)


def instance_handles(device: Device) -> Iterator[tuple[int, Device]]:
    """The MIG instances that this process may see, each with its number; empty where NVML hides them."""
    try:
        most = pynvml.nvmlDeviceGetMaxMigDeviceCount(device)
    except (pynvml.NVMLError_NotSupported, pynvml.NVMLError_NoPermission):
        return
    for number in range(most):
        # numbers without an instance, and instances of others
        with suppress(pynvml.NVMLError_NotFound, pynvml.NVMLError_NoPermission, pynvml.NVMLError_InvalidArgument):
            yield number, pynvml.nvmlDeviceGetMigDeviceHandleByIndex(device, number)
