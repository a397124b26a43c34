"""Waits until memory, device memory and ports of the host are as before the campaign started its first server.

A server that has ended may still be releasing gigabytes; they would disturb the first samples of the next run.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psutil

from aging.core.format import byte_size
from aging.core.ports import port_taken
from aging.sampling.nvml_library import why_missing
from aging.store.events import Baseline, Journalize, NotSettled, Settled

_PAUSE_SECONDS = 1.0

_MEMORY_SHARE = 0.02
_LEAST_MEMORY_BYTES = 256 * 2**20
"""The larger of the two exceeds the usual fluctuation of a host's memory in use, without caches."""

_DEVICE_BYTES = 64 * 2**20
"""The memory in use of an idle device changes by less; a process with a context on it holds more."""


@dataclass(frozen=True, slots=True)
class HostUse:
    """Bytes in use of the host's memory (not available) and of each device, and the host's total."""

    memory: float
    total: float
    devices: Mapping[str, float] = field(default_factory=dict)


def host_use() -> HostUse:
    """What is in use now; NVML may take seconds to answer."""
    memory = psutil.virtual_memory()
    return HostUse(float(memory.total - memory.available), float(memory.total), _devices())


def _devices() -> Mapping[str, float]:
    if why_missing() is not None:
        return {}
    from aging.sampling.nvml.memory_used import memory_used  # noqa: PLC0415 - 3 MB, where there is a device

    return memory_used()


def differences(before: HostUse, now: HostUse, taken: Sequence[str]) -> tuple[str, ...]:
    """What is not yet as ``before``; ``taken`` are the messages about ports in use."""
    found = list(taken)
    if now.memory > before.memory + max(_MEMORY_SHARE * before.total, _LEAST_MEMORY_BYTES):
        found.append(f"{byte_size(now.memory - before.memory)} more memory in use than at the start")
    found += [
        f"{byte_size(used - before.devices[device])} more of {device} in use than at the start"
        for device, used in now.devices.items()
        if device in before.devices and used > before.devices[device] + _DEVICE_BYTES
    ]
    return tuple(found)


def ports_in_use(ports: Sequence[int]) -> list[str]:
    """A message for each of these loopback ports that is in use."""
    return [message for port in ports if (message := port_taken(port)) is not None]


@dataclass(frozen=True, slots=True)
class HostIdleWait:
    """Waits until the host is as ``before``, at most ``patience`` seconds. ``record_event`` writes the journal."""

    before: HostUse
    patience: float
    record_event: Journalize

    @classmethod
    async def begin(cls, patience: float, record_event: Journalize, noted: Baseline | None = None) -> HostIdleWait:
        """Record the state of the host before the first start, or use the one that was ``noted`` then."""
        if noted is not None:
            total = float(psutil.virtual_memory().total)
            return cls(HostUse(noted.memory_bytes, total, noted.device_bytes), patience, record_event)
        use = await asyncio.to_thread(host_use)
        record_event(Baseline(memory_bytes=use.memory, device_bytes=dict(use.devices)))
        return cls(use, patience, record_event)

    async def wait(self, ports: Sequence[int], interrupted: asyncio.Event) -> None:
        """Return when the host has settled and the ports are free, when patience is over, or when interrupted."""
        began = time.monotonic()
        while not interrupted.is_set():
            use, taken = await asyncio.to_thread(lambda: (host_use(), ports_in_use(ports)))
            why = differences(self.before, use, taken)
            waited = round(time.monotonic() - began, 3)
            if not why:
                self.record_event(Settled(seconds=waited))
                return
            if waited >= self.patience:
                self.record_event(NotSettled(seconds=waited, why="; ".join(why)))
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(_PAUSE_SECONDS, self.patience)):
                    await interrupted.wait()
