"""NVIDIA devices through NVML: each as a whole, and what each deployment's process tree holds of their memory.

A device's own memory tells little of a leak (engines preallocate their KV pool, and
deployments may share a device); the sum over a deployment's processes is the leak series.
What NVML does not tell is a missing value with NVML's reason, never a zero.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pynvml

from aging.membership import Membership
from aging.model import HARNESS, Reading
from aging.samplers import Sampler, Target, Targets
from aging.samplers.process import ended

_PROC = Path("/proc")
_WSL = Path("/dev/dxg")
_NOT_AVAILABLE = (2**32 - 1, 2**64 - 1)  # NVML_VALUE_NOT_AVAILABLE, 32 and 64 bit
_PROCESS_MEMORY = "device_process_memory_bytes"

_Device = Any
"""NVML's opaque handle of a device."""

_Usage = Mapping[int, int | None]
"""Bytes of one device's memory by pid; None where NVML lists the process without its memory."""

_LIBRARY_LOST = (pynvml.NVMLError_Uninitialized, pynvml.NVMLError_DriverNotLoaded)


@dataclass(frozen=True, slots=True)
class _Question:
    """One NVML query, the metrics that its answers are, and what takes NVML's units to theirs."""

    names: tuple[str, ...]
    ask: Callable[[_Device], tuple[int | None, ...]]
    times: int = 1
    per: int = 1


def _memory(device: _Device) -> tuple[int | None, ...]:
    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(device, version=pynvml.nvmlMemory_v2)
    except (
        pynvml.NVMLError_FunctionNotFound,
        pynvml.NVMLError_NotSupported,
        pynvml.NVMLError_ArgumentVersionMismatch,
    ):  # drivers before 510; their "used" contains what is reserved
        memory = pynvml.nvmlDeviceGetMemoryInfo(device)
        return memory.used, memory.free, memory.total, None
    return memory.used, memory.free, memory.total, memory.reserved


def _utilization(device: _Device) -> tuple[int, ...]:
    rates = pynvml.nvmlDeviceGetUtilizationRates(device)
    return rates.gpu, rates.memory


def _throttle_reasons(device: _Device) -> tuple[int, ...]:
    try:
        return (pynvml.nvmlDeviceGetCurrentClocksEventReasons(device),)
    except pynvml.NVMLError_FunctionNotFound:  # drivers before 535 know it by its older name only
        return (pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(device),)


def _uncorrected(device: _Device) -> tuple[int, ...]:
    # the life of the board: the volatile count starts again whenever the driver does
    kind, since = pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, pynvml.NVML_AGGREGATE_ECC
    return (pynvml.nvmlDeviceGetTotalEccErrors(device, kind, since),)


_QUESTIONS = (
    _Question(
        (
            "device_memory_used_bytes",
            "device_memory_free_bytes",
            "device_memory_total_bytes",
            "device_memory_reserved_bytes",
        ),
        _memory,
    ),
    _Question(("device_utilization_ratio", "device_memory_utilization_ratio"), _utilization, per=100),
    _Question(("device_power_watts",), lambda device: (pynvml.nvmlDeviceGetPowerUsage(device),), per=1000),
    _Question(
        ("device_temperature_celsius",),
        lambda device: (pynvml.nvmlDeviceGetTemperature(device, pynvml.NVML_TEMPERATURE_GPU),),
    ),
    _Question(
        ("device_sm_clock_hertz",),
        lambda device: (pynvml.nvmlDeviceGetClockInfo(device, pynvml.NVML_CLOCK_SM),),
        times=1_000_000,
    ),
    _Question(("device_throttle_reasons",), _throttle_reasons),
    _Question(("device_ecc_uncorrected_total",), _uncorrected),
)


class DeviceSampler(Sampler):
    """One reading a device (``gpu0``, in NVML's order) and one a deployment (``gpu-total``).

    NVML is started by the first read, in its thread, and again by the next one
    after the library has lost its driver; a read that finds it lost raises NVMLError.
    """

    kind = "device"
    default_interval = 1.0

    def __init__(self, targets: Targets, results: Path = Path()) -> None:
        super().__init__(targets, results)
        self._membership = Membership()
        self._count: int | None = None

    @classmethod
    def unavailable(cls) -> str | None:
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

    def read(self) -> Iterable[Reading]:
        deployments = [target for target in self.targets() if target.owner != HARNESS]
        try:
            if self._count is None:
                pynvml.nvmlInit()
                self._count = pynvml.nvmlDeviceGetCount()
            return list(_read(self._count, deployments, self._membership))
        except _LIBRARY_LOST:
            self._count = None
            with suppress(pynvml.NVMLError):
                pynvml.nvmlShutdown()
            raise


def _read(count: int, deployments: Sequence[Target], membership: Membership) -> Iterator[Reading]:
    usages: dict[str, _Usage] = {}
    failures: dict[str, str] = {} if count else {"NVML": "no device"}
    for index in range(count):
        entity = f"gpu{index}"
        values: dict[str, float] = {}
        missing: dict[str, str] = {}
        try:
            device = pynvml.nvmlDeviceGetHandleByIndex(index)
            read_device(device, values, missing)
            if deployments:
                usages[entity] = process_memory(device)
        except _LIBRARY_LOST:
            raise
        except pynvml.NVMLError as error:
            failures[entity] = f"NVML: {error}"
        if not values:
            missing = {"device": failures.get(entity, "NVML answers none of the questions")}
        yield Reading(HARNESS, entity, 1, values, missing)
    for target, pids in zip(deployments, membership.of(deployments), strict=True):
        tree = set(pids)
        reason = _why_unknown(target, tree, usages, failures)
        if reason is None:
            total = sum(usage.get(pid) or 0 for usage in usages.values() for pid in tree)
            yield Reading(target.owner, "gpu-total", target.generation, {_PROCESS_MEMORY: total})
        else:
            yield Reading(target.owner, "gpu-total", target.generation, {}, {_PROCESS_MEMORY: reason})


def read_device(device: _Device, values: dict[str, float], missing: dict[str, str]) -> None:
    """Fill in one device's indicators, in the units of their names; what NVML does not answer goes to ``missing``.

    Raises NVMLError, with nothing filled in, for a device that is lost.
    """
    for question in _QUESTIONS:
        try:
            answers = question.ask(device)
        except (*_LIBRARY_LOST, pynvml.NVMLError_GpuIsLost):
            values.clear()
            raise
        except pynvml.NVMLError as error:
            missing.update(dict.fromkeys(question.names, f"NVML: {error}"))
            continue
        for name, answer in zip(question.names, answers, strict=True):
            if answer is None or answer in _NOT_AVAILABLE:
                missing[name] = "NVML: N/A"
            else:
                values[name] = answer * question.times / question.per


def process_memory(device: _Device) -> _Usage:
    """Bytes of the device's memory by pid, of compute, graphics and MPS client processes. Raises NVMLError."""
    lists = [
        _listed(pynvml.nvmlDeviceGetComputeRunningProcesses_v3, pynvml.nvmlDeviceGetComputeRunningProcesses_v2, device)
    ]
    # a device that cannot do graphics, and a driver without MPS, hold nothing of theirs
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
        # with contexts of two kinds it is in two lists, in each with all of its memory: not to be added up
        parts[part] = max(parts.get(part, 0), process.usedGpuMemory or 0)
    usage: dict[int, int | None] = {}
    for (pid, _, _), used in parts.items():
        before = usage.get(pid, 0)
        # no context is without memory: 0 is what a driver says that could not look the process up
        usage[pid] = None if used == 0 or before is None else before + used
    return usage


def _listed(ask: Callable[[_Device], list[Any]], older: Callable[[_Device], list[Any]], device: _Device) -> list[Any]:
    try:
        return ask(device)
    except pynvml.NVMLError_FunctionNotFound:  # drivers before 510
        return older(device)


def _why_unknown(
    target: Target, tree: Collection[int], usages: Mapping[str, _Usage], failures: Mapping[str, str]
) -> str | None:
    """Why the sum over the tree would be a wrong number; None when it is the truth."""
    if failures:
        return "; ".join(f"{entity}: {reason}" for entity, reason in failures.items())
    if not any(_exists(pid) for pid in target.pids):
        return ended(target)
    listed = {pid for usage in usages.values() for pid in usage}
    for entity, usage in usages.items():
        for pid in tree:
            if pid in usage and usage[pid] is None:
                return f"{entity}: NVML lists pid {pid} without its memory"
    if listed.isdisjoint(tree):
        if _WSL.exists():
            return "NVML does not list processes on WSL2"
        # inside a container NVML may list the host's pids, and ours are not to be found among them
        unknown = sorted(pid for pid in listed if not _exists(pid))
        if unknown:
            return f"NVML lists pid {unknown[0]}, which is not in this pid namespace"
    return None


def _exists(pid: int) -> bool:
    return (_PROC / str(pid)).exists()
