"""Whether the host is back where it was before the campaign started anything: memory, device memory, ports.

A server that has ended may still be giving back gigabytes; the next run would begin with them in its way, and its
first growth would be somebody else's.
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
from aging.sampling.nvml.memory_used import memory_used
from aging.store.events import Baseline, Journalize, NotSettled, Settled

_PAUSE_SECONDS = 1.0

_MEMORY_SHARE = 0.02
_LEAST_MEMORY_BYTES = 256 * 2**20
"""A host's own comings and goings, caches not counted, are smaller than the larger of the two."""

_DEVICE_BYTES = 64 * 2**20
"""A device's own bookkeeping moves by less; a process that still has a context on it holds more."""


@dataclass(frozen=True, slots=True)
class HostUse:
    """Bytes in use of the host's memory (what is not available) and of each device's, and the host's in all."""

    memory: float
    total: float
    devices: Mapping[str, float] = field(default_factory=dict)


def host_use() -> HostUse:
    """What is in use now; NVML may take seconds to tell."""
    memory = psutil.virtual_memory()
    return HostUse(float(memory.total - memory.available), float(memory.total), memory_used())


def unsettled(before: HostUse, now: HostUse, taken: Sequence[str]) -> tuple[str, ...]:
    """What is not yet as it was ``before``; ``taken`` tells the ports that are."""
    found = list(taken)
    if now.memory > before.memory + max(_MEMORY_SHARE * before.total, _LEAST_MEMORY_BYTES):
        found.append(f"{byte_size(now.memory - before.memory)} more memory in use than at the start")
    found += [
        f"{byte_size(used - before.devices[device])} more of {device} in use than at the start"
        for device, used in now.devices.items()
        if device in before.devices and used > before.devices[device] + _DEVICE_BYTES
    ]
    return tuple(found)


def taken_ports(ports: Sequence[int]) -> list[str]:
    """Why each of these loopback ports cannot be listened on now."""
    return [told for port in ports if (told := port_taken(port)) is not None]


@dataclass(frozen=True, slots=True)
class HostIdleWait:
    """Waits for the host to be as it was ``before``, for at most ``patience`` seconds. ``tell`` writes the journal."""

    before: HostUse
    patience: float
    tell: Journalize

    @classmethod
    async def begin(cls, patience: float, tell: Journalize, noted: Baseline | None = None) -> HostIdleWait:
        """Note how the host is now, before anything is started; or go by what was ``noted`` then, where that was."""
        if noted is not None:
            total = float(psutil.virtual_memory().total)
            return cls(HostUse(noted.memory_bytes, total, noted.device_bytes), patience, tell)
        use = await asyncio.to_thread(host_use)
        tell(Baseline(memory_bytes=use.memory, device_bytes=dict(use.devices)))
        return cls(use, patience, tell)

    async def wait(self, ports: Sequence[int], interrupted: asyncio.Event) -> None:
        """Return when the host has settled and the ports are free, when it took too long, or when interrupted."""
        began = time.monotonic()
        while not interrupted.is_set():
            use, taken = await asyncio.to_thread(lambda: (host_use(), taken_ports(ports)))
            why = unsettled(self.before, use, taken)
            waited = round(time.monotonic() - began, 3)
            if not why:
                self.tell(Settled(seconds=waited))
                return
            if waited >= self.patience:
                self.tell(NotSettled(seconds=waited, why="; ".join(why)))
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(_PAUSE_SECONDS, self.patience)):
                    await interrupted.wait()
