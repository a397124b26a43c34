"""NVIDIA devices through NVML: each as a whole, and what each deployment's process tree holds of their memory.

A device's own memory tells little of a leak (engines preallocate their KV pool, and
deployments may share a device); the sum over a deployment's processes is the leak series.
What NVML does not tell is a missing value with NVML's reason, never a zero.
A device in MIG mode is read as a whole and instance by instance.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from threading import Thread
from typing import Any, TypeVar

import pynvml

from aging.membership import Membership
from aging.model import HARNESS, Reading
from aging.samplers import Sampler, Target, Targets
from aging.samplers.process import ended

_PROC = Path("/proc")
_WSL = Path("/dev/dxg")
_NOT_AVAILABLE = (2**32 - 1, 2**64 - 1)  # NVML_VALUE_NOT_AVAILABLE, 32 and 64 bit
_PROCESS_MEMORY = "device_process_memory_bytes"
_PROCESS_LIMIT = "device_process_memory_limit_bytes"
_FREE = "device_memory_free_bytes"
_XIDS, _LAST_XID = "device_xid_errors_total", "device_xid_last_code"

_START_SECONDS = 60.0
"""NVML takes seconds a device to start where no daemon keeps the driver awake; with a broken device it never does."""

_XIDS_A_READ = 100
"""A storm of errors is counted over several reads rather than all in one."""

_THROUGHPUT_EVERY = 10
"""NVML measures PCIe throughput while the caller waits, 20 ms each way: one read in so many, a device at a time."""

_Device = Any
"""NVML's opaque handle of a device."""

_Usage = Mapping[int, int | None]
"""Bytes of one device's memory by pid; None where NVML lists the process without its memory."""

_LIBRARY_LOST = (pynvml.NVMLError_Uninitialized, pynvml.NVMLError_DriverNotLoaded)


@dataclass(frozen=True, slots=True)
class _Question:
    """One NVML query, the metrics that its answers are, and what takes NVML's units to theirs.

    ``together`` makes one value of several devices': a sum of what is additive, a mean of what is intensive.
    """

    names: tuple[str, ...]
    ask: Callable[[_Device], tuple[int | None, ...]]
    times: int = 1
    per: int = 1
    together: Callable[[Sequence[float]], float] | None = None


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


def _ecc(name: str, kind: int, since: int) -> _Question:
    return _Question((name,), lambda device: (pynvml.nvmlDeviceGetTotalEccErrors(device, kind, since),), together=sum)


def _clock(name: str, clock: int) -> _Question:
    return _Question(
        (name,), lambda device: (pynvml.nvmlDeviceGetClockInfo(device, clock),), times=1_000_000, together=fmean
    )


_MEMORY = _Question(
    ("device_memory_used_bytes", _FREE, "device_memory_total_bytes", "device_memory_reserved_bytes"),
    _memory,
    together=sum,
)

_CORRECTED, _UNCORRECTED = pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED, pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED

_QUESTIONS = (
    _MEMORY,
    _Question(("device_utilization_ratio", "device_memory_utilization_ratio"), _utilization, per=100, together=fmean),
    _Question(
        ("device_power_watts",), lambda device: (pynvml.nvmlDeviceGetPowerUsage(device),), per=1000, together=sum
    ),
    _Question(
        ("device_energy_joules_total",),
        lambda device: (pynvml.nvmlDeviceGetTotalEnergyConsumption(device),),
        per=1000,
        together=sum,
    ),
    _Question(
        ("device_temperature_celsius",),
        lambda device: (pynvml.nvmlDeviceGetTemperature(device, pynvml.NVML_TEMPERATURE_GPU),),
        together=fmean,
    ),
    _Question(
        ("device_fan_speed_ratio",), lambda device: (pynvml.nvmlDeviceGetFanSpeed(device),), per=100, together=fmean
    ),
    _clock("device_sm_clock_hertz", pynvml.NVML_CLOCK_SM),
    _clock("device_memory_clock_hertz", pynvml.NVML_CLOCK_MEM),
    _Question(("device_throttle_reasons",), _throttle_reasons),
    # of the board's life, and since the driver was loaded: the first outlives a restart, the second is told at once
    _ecc("device_ecc_corrected_total", _CORRECTED, pynvml.NVML_AGGREGATE_ECC),
    _ecc("device_ecc_uncorrected_total", _UNCORRECTED, pynvml.NVML_AGGREGATE_ECC),
    _ecc("device_ecc_corrected_volatile_total", _CORRECTED, pynvml.NVML_VOLATILE_ECC),
    _ecc("device_ecc_uncorrected_volatile_total", _UNCORRECTED, pynvml.NVML_VOLATILE_ECC),
    _Question(
        ("device_remapped_rows_correctable_total", "device_remapped_rows_uncorrectable_total"),
        lambda device: pynvml.nvmlDeviceGetRemappedRows(device)[:2],
        together=sum,
    ),
    _Question(
        ("device_row_remapping_pending", "device_row_remapping_failed"),
        lambda device: pynvml.nvmlDeviceGetRemappedRows(device)[2:],
        together=max,
    ),
    _Question(
        ("device_pcie_replays_total",),
        lambda device: (pynvml.nvmlDeviceGetPcieReplayCounter(device),),
        together=sum,
    ),
)

_THROUGHPUT = _Question(
    ("device_pcie_rx_bytes_per_second", "device_pcie_tx_bytes_per_second"),
    lambda device: (
        pynvml.nvmlDeviceGetPcieThroughput(device, pynvml.NVML_PCIE_UTIL_RX_BYTES),
        pynvml.nvmlDeviceGetPcieThroughput(device, pynvml.NVML_PCIE_UTIL_TX_BYTES),
    ),
    times=1000,
)

_TOGETHER: Mapping[str, Callable[[Sequence[float]], float]] = {
    name: question.together for question in _QUESTIONS if question.together is not None for name in question.names
} | {_XIDS: sum}


class _Xids:
    """The XID errors of one device since its first read, from an event set that is looked into and never waited on."""

    def __init__(self) -> None:
        self.count = 0
        self.last: int | None = None
        self.refused: str | None = None
        """Why the device's events cannot be had."""
        self._events: Any = None

    def look(self) -> None:
        """Count what has happened since the last look. Raises NVMLError."""
        if self._events is None:
            return
        try:
            for _ in range(_XIDS_A_READ):
                event = pynvml.nvmlEventSetWait_v2(self._events, 0)
                if event.eventType & pynvml.nvmlEventTypeXidCriticalError:
                    self.count += 1
                    self.last = event.eventData
        except pynvml.NVMLError_Timeout:
            return
        except (*_LIBRARY_LOST, pynvml.NVMLError_GpuIsLost):
            raise
        except pynvml.NVMLError as error:
            self.release()
            self.refused = f"NVML: {error}"

    def register(self, device: _Device) -> None:
        """Have the device's events told from now on; once, until they are released. Raises NVMLError."""
        if self._events is not None or self.refused is not None:
            return
        try:
            self._events = pynvml.nvmlEventSetCreate()
            pynvml.nvmlDeviceRegisterEvents(device, pynvml.nvmlEventTypeXidCriticalError, self._events)
        except (*_LIBRARY_LOST, pynvml.NVMLError_GpuIsLost):
            raise
        except pynvml.NVMLError as error:
            self.release()
            self.refused = f"NVML: {error}"

    def release(self) -> None:
        """Give the event set back: it does not outlive the library, nor the device it is of."""
        if self._events is not None:
            with suppress(pynvml.NVMLError):
                pynvml.nvmlEventSetFree(self._events)
        self._events = self.refused = None

    def tell(self, values: dict[str, float], missing: dict[str, str]) -> None:
        """The count and the last code, of which there is none before the first error."""
        if self.refused is not None:
            missing[_XIDS] = self.refused
            return
        values[_XIDS] = self.count
        if self.last is not None:
            values[_LAST_XID] = self.last


@dataclass(slots=True)
class _Part:
    """What one read has found of a device, or of an instance of one.

    ``usage`` is None where the processes are not known: ``failure`` says why, or an instance's list (a device's, for
    an instance) has them. ``aside`` is what to say beside a memory that this list lacks.
    """

    entity: str
    device: _Device = None
    values: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    usage: _Usage | None = None
    failure: str | None = None
    aside: str = ""
    in_mig_mode: bool = False

    def reading(self) -> Reading:
        return Reading(HARNESS, self.entity, 1, self.values, self.missing)


class DeviceSampler(Sampler):
    """One reading a device (``gpu0``, in NVML's order), one a MIG instance (``gpu0/mig1``), one a deployment.

    The deployment's is ``gpu-total``; where there are several devices, ``gpu-all`` is what they are together.
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
        self._xids: dict[int, _Xids] = {}

    @classmethod
    def unavailable(cls) -> str | None:
        try:
            return _in_time(_why_unavailable)
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
        xids = self._xids.setdefault(index, _Xids())
        try:
            xids.look()  # before anything else: the error of a device that is lost is told by its events alone
            whole.device = pynvml.nvmlDeviceGetHandleByIndex(index)
            xids.register(whole.device)
            read_device(whole.device, whole.values, whole.missing)
            if self._reads % _THROUGHPUT_EVERY == index % _THROUGHPUT_EVERY:
                read_device(whole.device, whole.values, whole.missing, (_THROUGHPUT,))
            if _in_mig_mode(whole.device):
                whole.in_mig_mode = True
                whole.missing = {name: f"{why} (the device is in MIG mode)" for name, why in whole.missing.items()}
                parts.extend(_instances(whole))
            if with_processes:
                _list_processes(whole, parts[1:])
        except _LIBRARY_LOST:
            raise
        except pynvml.NVMLError as error:
            whole.failure = f"NVML: {error}"
            if isinstance(error, pynvml.NVMLError_GpuIsLost):
                xids.release()
        if not whole.values:
            whole.missing = {"device": whole.failure or "NVML answers none of the questions"}
            if xids.count:
                xids.tell(whole.values, whole.missing)
        else:
            xids.tell(whole.values, whole.missing)
        return parts


def devices() -> list[dict[str, Any]]:
    """The devices, in NVML's order, for the manifest; none where NVML does not answer."""
    try:
        return _in_time(_described)
    except TimeoutError:
        return []


_Answer = TypeVar("_Answer")


def _in_time(ask: Callable[[], _Answer]) -> _Answer:
    """The answer to ``ask``; TimeoutError where a hanging driver never gives one. It must raise nothing itself."""
    answers: list[_Answer] = []
    asking = Thread(target=lambda: answers.append(ask()), name="nvml", daemon=True)
    asking.start()
    asking.join(_START_SECONDS)
    if not answers:
        raise TimeoutError(f"NVML does not answer within {_START_SECONDS:g} s")
    return answers[0]


def _why_unavailable() -> str | None:
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
        mig = _in_mig_mode(device)
    except pynvml.NVMLError as error:
        return described | {"missing": f"NVML: {error}"}
    described |= _identity(device) | {"mig_mode": mig}
    if mig:
        described["instances"] = [
            {"entity": f"gpu{index}/mig{number}"} | _identity(instance)
            for number, instance in _instance_handles(device)
        ]
    return described


def _identity(device: _Device) -> dict[str, Any]:
    return {
        "name": _told(pynvml.nvmlDeviceGetName, device),
        "uuid": _told(pynvml.nvmlDeviceGetUUID, device),
        "memory_total_bytes": _told(lambda: pynvml.nvmlDeviceGetMemoryInfo(device).total),
    }


def _told(ask: Callable[..., Any], *args: Any) -> Any:
    """What NVML answers, None where it does not."""
    try:
        return ask(*args)
    except pynvml.NVMLError:
        return None


def _in_mig_mode(device: _Device) -> bool:
    try:
        current, _ = pynvml.nvmlDeviceGetMigMode(device)
    except (pynvml.NVMLError_NotSupported, pynvml.NVMLError_FunctionNotFound):  # most devices, drivers before 450
        return False
    return bool(current == pynvml.NVML_DEVICE_MIG_ENABLE)


def _instance_handles(device: _Device) -> Iterator[tuple[int, _Device]]:
    """The MIG instances that we may see, each with its number; none where NVML keeps them to itself."""
    try:
        most = pynvml.nvmlDeviceGetMaxMigDeviceCount(device)
    except (pynvml.NVMLError_NotSupported, pynvml.NVMLError_NoPermission):
        return
    for number in range(most):
        # numbers without an instance, and instances of others
        with suppress(pynvml.NVMLError_NotFound, pynvml.NVMLError_NoPermission, pynvml.NVMLError_InvalidArgument):
            yield number, pynvml.nvmlDeviceGetMigDeviceHandleByIndex(device, number)


def _instances(whole: _Part) -> Iterator[_Part]:
    """Memory is all that NVML tells of an instance; its other questions are those of the device."""
    for number, handle in _instance_handles(whole.device):
        part = _Part(f"{whole.entity}/mig{number}", handle)
        read_device(handle, part.values, part.missing, (_MEMORY,))
        yield part


def _list_processes(whole: _Part, instances: Sequence[_Part]) -> None:
    """Each instance's own list; the device's where there is no instance, or one of them keeps its list to itself.

    Raises NVMLError for a device that is lost.
    """
    for part in instances:
        try:
            part.usage = process_memory(part.device)
        except (*_LIBRARY_LOST, pynvml.NVMLError_GpuIsLost):
            raise
        except pynvml.NVMLError as error:
            part.failure = f"NVML: {error}"
    failed = [part for part in instances if part.failure is not None]
    if instances and not failed:
        return
    try:
        whole.usage = process_memory(whole.device)
    except (*_LIBRARY_LOST, pynvml.NVMLError_GpuIsLost):
        raise
    except pynvml.NVMLError as error:
        whole.failure = f"NVML: {error}"
        return
    whole.aside = "".join(f"; {part.entity}: {part.failure}" for part in failed)
    for part in instances:  # the device's list has the processes of all of them
        part.usage = part.failure = None


def _all_together(wholes: Sequence[_Part]) -> Reading:
    """Several devices as one: what one of them does not tell is not told of all."""
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    for name, together in _TOGETHER.items():
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
            _tell_limit([(part, used) for part, used in held if used], values, missing)
        else:
            missing[_PROCESS_MEMORY] = reason
        yield Reading(target.owner, "gpu-total", target.generation, values, missing)


def _held(part: _Part, tree: Collection[int]) -> int:
    usage = part.usage or {}
    return sum(usage.get(pid) or 0 for pid in tree)


def _tell_limit(held: Sequence[tuple[_Part, int]], values: dict[str, float], missing: dict[str, str]) -> None:
    """What the processes could hold at most: what they hold, and what is free where they are."""
    for part, _ in held:
        if _FREE not in part.values or part.in_mig_mode:
            missing[_PROCESS_LIMIT] = f"{part.entity}: {part.missing.get(_FREE, 'which instance is not known')}"
            return
    if held:
        values[_PROCESS_LIMIT] = sum(used + part.values[_FREE] for part, used in held)


def read_device(
    device: _Device, values: dict[str, float], missing: dict[str, str], questions: Iterable[_Question] = _QUESTIONS
) -> None:
    """Fill in one device's indicators, in the units of their names; what NVML does not answer goes to ``missing``.

    Raises NVMLError, with nothing filled in, for a device that is lost.
    """
    for question in questions:
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
    target: Target, tree: Collection[int], listed: Sequence[_Part], failures: Mapping[str, str]
) -> str | None:
    """Why the sum over the tree would be a wrong number; None when it is the truth."""
    if failures:
        return "; ".join(f"{entity}: {reason}" for entity, reason in failures.items())
    if not any(_exists(pid) for pid in target.pids):
        return ended(target)
    pids = {pid for part in listed for pid in part.usage or ()}
    for part in listed:
        usage = part.usage or {}
        for pid in tree:
            if pid in usage and usage[pid] is None:
                return f"{part.entity}: NVML lists pid {pid} without its memory{part.aside}"
    if pids.isdisjoint(tree):
        if _WSL.exists():
            return "NVML does not list processes on WSL2"
        # inside a container NVML may list the host's pids, and ours are not to be found among them
        unknown = sorted(pid for pid in pids if not _exists(pid))
        if unknown:
            return f"NVML lists pid {unknown[0]}, which is not in this pid namespace"
    return None


def _exists(pid: int) -> bool:
    return (_PROC / str(pid)).exists()
