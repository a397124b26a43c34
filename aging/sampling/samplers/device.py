"""NVIDIA devices through NVML: each as a whole, and what each deployment's process tree holds of their memory.

A device's memory shows little of a leak (engines preallocate their KV pool, and
deployments may share a device); the sum over a deployment's processes is the leak series.
A value that NVML does not give is missing with NVML's reason, never zero.
A device in MIG mode is read as a whole and instance by instance.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pynvml

from aging.core.processes.tree import Membership
from aging.core.records import HARNESS, Reading
from aging.core.targets import Target, Targets
from aging.sampling.base import Sampler, ended_message
from aging.sampling.nvml import LIBRARY_LOST, Device
from aging.sampling.nvml.errors import Xids
from aging.sampling.nvml.identity import in_mig_mode, in_time, instance_handles, why_unavailable
from aging.sampling.nvml.processes import Usage, process_memory
from aging.sampling.nvml.queries import FREE, MEMORY, THROUGHPUT, TOGETHER, read_device

_PROC = Path("/proc")
_WSL = Path("/dev/dxg")
_PROCESS_MEMORY = "device_process_memory_bytes"
_PROCESS_LIMIT = "device_process_memory_limit_bytes"
_THROUGHPUT_EVERY = 10
"""NVML measures PCIe throughput while the caller waits, 20 ms each way: one read in so many, a device at a time."""


@dataclass(slots=True)
class _Part:
    """The result of one read of a device, or of an instance of one.

    ``usage`` is None where the processes are not known: ``failure`` is why, unless an instance's list (a device's,
    for an instance) has them. ``aside`` is added to the reason of a memory that this list lacks.
    """

    entity: str
    device: Device = None
    values: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    usage: Usage | None = None
    failure: str | None = None
    aside: str = ""
    in_mig_mode: bool = False

    def reading(self) -> Reading:
        return Reading(HARNESS, self.entity, 1, self.values, self.missing)


class DeviceSampler(Sampler):
    """One reading a device (``gpu0``, in NVML's order), one a MIG instance (``gpu0/mig1``), one a deployment.

    The deployment's is ``gpu-total``; where there are several devices, ``gpu-all`` is their sum or mean.
    NVML is started by the first read, in its thread, and again by the next one
    after the library has lost its driver; a read that finds it lost raises NVMLError.
    """

    kind = "device"
    default_interval = 1.0

    def __init__(self, targets: Targets, results: Path = Path()) -> None:
        super().__init__(targets, results)
        self._membership = Membership()
        self._count: int | None = None
        self._reads = 0
        self._xids: dict[int, Xids] = {}

    @classmethod
    def unavailable(cls) -> str | None:
        try:
            return in_time(why_unavailable)
        except TimeoutError as error:
            return str(error)

    def read(self) -> Iterable[Reading]:
        deployments = [target for target in self.targets() if target.owner != HARNESS]
        try:
            if self._count is None:
                pynvml.nvmlInit()
                self._count = pynvml.nvmlDeviceGetCount()
            devices = [self._read_device(index, with_processes=bool(deployments)) for index in range(self._count)]
        except pynvml.NVMLError:
            self._stop()
            raise
        self._reads += 1
        parts = [part for device in devices for part in device]
        readings = [part.reading() for part in parts]
        if len(devices) > 1:
            readings.append(_all_together([device[0] for device in devices]))
        members = zip(deployments, self._membership.of(deployments), strict=True)
        return [*readings, *_process_readings(members, parts)]

    def _stop(self) -> None:
        self._count = None
        for xids in self._xids.values():
            xids.release()
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()

    def _read_device(self, index: int, *, with_processes: bool) -> list[_Part]:
        """The device, then its instances. Raises NVMLError where the library is lost."""
        whole = _Part(f"gpu{index}")
        parts = [whole]
        xids = self._xids.setdefault(index, Xids())
        try:
            xids.look()  # before anything else: only its events report the error of a device that is lost
            whole.device = pynvml.nvmlDeviceGetHandleByIndex(index)
            xids.register(whole.device)
            read_device(whole.device, whole.values, whole.missing)
            if self._reads % _THROUGHPUT_EVERY == index % _THROUGHPUT_EVERY:
                read_device(whole.device, whole.values, whole.missing, (THROUGHPUT,))
            if in_mig_mode(whole.device):
                whole.in_mig_mode = True
                whole.missing = {name: f"{why} (the device is in MIG mode)" for name, why in whole.missing.items()}
                parts.extend(_instances(whole))
            if with_processes:
                _list_processes(whole, parts[1:])
        except LIBRARY_LOST:
            raise
        except pynvml.NVMLError as error:
            whole.failure = f"NVML: {error}"
            if isinstance(error, pynvml.NVMLError_GpuIsLost):
                xids.release()
        if not whole.values:
            whole.missing = {"device": whole.failure or "NVML answers no query"}
            if xids.count:
                xids.fill(whole.values, whole.missing)
        else:
            xids.fill(whole.values, whole.missing)
        return parts


def _instances(whole: _Part) -> Iterator[_Part]:
    """NVML gives only the memory of an instance; its other queries are those of the device."""
    for number, handle in instance_handles(whole.device):
        part = _Part(f"{whole.entity}/mig{number}", handle)
        read_device(handle, part.values, part.missing, (MEMORY,))
        yield part


def _list_processes(whole: _Part, instances: Sequence[_Part]) -> None:
    """Each instance's own list; the device's where there is no instance, or where the list of an instance is hidden.

    Raises NVMLError for a device that is lost.
    """
    for part in instances:
        try:
            part.usage = process_memory(part.device)
        except (*LIBRARY_LOST, pynvml.NVMLError_GpuIsLost):
            raise
        except pynvml.NVMLError as error:
            part.failure = f"NVML: {error}"
    failed = [part for part in instances if part.failure is not None]
    if instances and not failed:
        return
    try:
        whole.usage = process_memory(whole.device)
    except (*LIBRARY_LOST, pynvml.NVMLError_GpuIsLost):
        raise
    except pynvml.NVMLError as error:
        whole.failure = f"NVML: {error}"
        return
    whole.aside = "".join(f"; {part.entity}: {part.failure}" for part in failed)
    for part in instances:  # the device's list has the processes of all of them
        part.usage = part.failure = None


def _all_together(wholes: Sequence[_Part]) -> Reading:
    """Several devices as one: a value that one of them lacks is missing."""
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    for name, together in TOGETHER.items():
        silent = next((whole for whole in wholes if name not in whole.values), None)
        if silent is None:
            values[name] = together([whole.values[name] for whole in wholes])
        else:
            missing[name] = f"{silent.entity}: {silent.missing.get(name) or silent.missing['device']}"
    return Reading(HARNESS, "gpu-all", 1, values, missing)


def _process_readings(members: Iterable[tuple[Target, Sequence[int]]], parts: Sequence[_Part]) -> Iterator[Reading]:
    failures = {part.entity: part.failure for part in parts if part.failure is not None}
    if not parts:
        failures["NVML"] = "no device"
    listed = [part for part in parts if part.usage is not None]
    for target, pids in members:
        tree = set(pids)
        reason = _why_unknown(target, tree, listed, failures)
        values: dict[str, float] = {}
        missing: dict[str, str] = {}
        if reason is None:
            held = [(part, _held(part, tree)) for part in listed]
            values[_PROCESS_MEMORY] = sum(used for _, used in held)
            _add_limit([(part, used) for part, used in held if used], values, missing)
        else:
            missing[_PROCESS_MEMORY] = reason
        yield Reading(target.owner, "gpu-total", target.generation, values, missing)


def _held(part: _Part, tree: Collection[int]) -> int:
    usage = part.usage or {}
    return sum(usage.get(pid) or 0 for pid in tree)


def _add_limit(held: Sequence[tuple[_Part, int]], values: dict[str, float], missing: dict[str, str]) -> None:
    """The most that the processes could hold: what they hold, and the free memory of their devices."""
    for part, _ in held:
        if FREE not in part.values or part.in_mig_mode:
            missing[_PROCESS_LIMIT] = f"{part.entity}: {part.missing.get(FREE, 'which instance is not known')}"
            return
    if held:
        values[_PROCESS_LIMIT] = sum(used + part.values[FREE] for part, used in held)


def _why_unknown(
    target: Target, tree: Collection[int], listed: Sequence[_Part], failures: Mapping[str, str]
) -> str | None:
    """Why the sum over the tree would be a wrong number; None when it is right."""
    if failures:
        return "; ".join(f"{entity}: {reason}" for entity, reason in failures.items())
    if not any(_exists(pid) for pid in target.pids):
        return ended_message(target)
    pids = {pid for part in listed for pid in part.usage or ()}
    for part in listed:
        usage = part.usage or {}
        for pid in tree:
            if pid in usage and usage[pid] is None:
                return f"{part.entity}: NVML lists pid {pid} without its memory{part.aside}"
    if pids.isdisjoint(tree):
        if _WSL.exists():
            return "NVML does not list processes on WSL2"
        # inside a container NVML may list the host's pids, among which those of this namespace are not found
        unknown = sorted(pid for pid in pids if not _exists(pid))
        if unknown:
            return f"NVML lists pid {unknown[0]}, which is not in this pid namespace"
    return None


def _exists(pid: int) -> bool:
    return (_PROC / str(pid)).exists()
