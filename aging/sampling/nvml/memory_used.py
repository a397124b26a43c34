"""How much memory of each device is in use now, by any process."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import pynvml

from aging.sampling.nvml.identity import in_time
from aging.sampling.nvml.queries import MEMORY, read_device


def memory_used() -> Mapping[str, float]:
    """Bytes by device (``gpu0``); devices without an answer are left out, all of them where NVML does not answer."""
    try:
        return in_time(_asked)
    except TimeoutError:
        return {}


def _asked() -> dict[str, float]:
    used: dict[str, float] = {}
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return used
    with suppress(pynvml.NVMLError):
        for index in range(pynvml.nvmlDeviceGetCount()):
            values: dict[str, float] = {}
            with suppress(pynvml.NVMLError):
                read_device(pynvml.nvmlDeviceGetHandleByIndex(index), values, {}, (MEMORY,))
            if "device_memory_used_bytes" in values:
                used[f"gpu{index}"] = values["device_memory_used_bytes"]
    with suppress(pynvml.NVMLError):
        pynvml.nvmlShutdown()
    return used
