"""The figures of one device: each query, the metrics that its answers are, and their units."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import pynvml

from aging.sampling.nvml import LIBRARY_LOST, Device

_NOT_AVAILABLE = (2**32 - 1, 2**64 - 1)  # NVML_VALUE_NOT_AVAILABLE, 32 and 64 bit
FREE = "device_memory_free_bytes"
XIDS = "device_xid_errors_total"


@dataclass(frozen=True, slots=True)
class Question:
    """One NVML query, the metrics that its answers are, and what takes NVML's units to theirs.

    ``together`` makes one value of several devices': a sum of what is additive, a mean of what is intensive.
    """

    names: tuple[str, ...]
    ask: Callable[[Device], tuple[int | None, ...]]
    times: int = 1
    per: int = 1
    together: Callable[[Sequence[float]], float] | None = None


def _memory(device: Device) -> tuple[int | None, ...]:
    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(device, version=pynvml.nvmlMemory_v2)
    except (
        pynvml.NVMLError_FunctionNotFound,
        pynvml.NVMLError_NotSupported,
        pynvml.NVMLError_ArgumentVersionMismatch,
    ):  # drivers before 510; their "used" contains the reserved memory
        memory = pynvml.nvmlDeviceGetMemoryInfo(device)
        return memory.used, memory.free, memory.total, None
    return memory.used, memory.free, memory.total, memory.reserved


def _utilization(device: Device) -> tuple[int, ...]:
    rates = pynvml.nvmlDeviceGetUtilizationRates(device)
    return rates.gpu, rates.memory


def _throttle_reasons(device: Device) -> tuple[int, ...]:
    try:
        return (pynvml.nvmlDeviceGetCurrentClocksEventReasons(device),)
    except pynvml.NVMLError_FunctionNotFound:  # drivers before 535 know it by its older name only
        return (pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(device),)


def _ecc(name: str, kind: int, since: int) -> Question:
    return Question((name,), lambda device: (pynvml.nvmlDeviceGetTotalEccErrors(device, kind, since),), together=sum)


def _clock(name: str, clock: int) -> Question:
    return Question(
        (name,), lambda device: (pynvml.nvmlDeviceGetClockInfo(device, clock),), times=1_000_000, together=fmean
    )


MEMORY = Question(
    ("device_memory_used_bytes", FREE, "device_memory_total_bytes", "device_memory_reserved_bytes"),
    _memory,
    together=sum,
)

_CORRECTED, _UNCORRECTED = pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED, pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED

QUESTIONS = (
    MEMORY,
    Question(("device_utilization_ratio", "device_memory_utilization_ratio"), _utilization, per=100, together=fmean),
    Question(("device_power_watts",), lambda device: (pynvml.nvmlDeviceGetPowerUsage(device),), per=1000, together=sum),
    Question(
        ("device_energy_joules_total",),
        lambda device: (pynvml.nvmlDeviceGetTotalEnergyConsumption(device),),
        per=1000,
        together=sum,
    ),
    Question(
        ("device_temperature_celsius",),
        lambda device: (pynvml.nvmlDeviceGetTemperature(device, pynvml.NVML_TEMPERATURE_GPU),),
        together=fmean,
    ),
    Question(
        ("device_fan_speed_ratio",), lambda device: (pynvml.nvmlDeviceGetFanSpeed(device),), per=100, together=fmean
    ),
    _clock("device_sm_clock_hertz", pynvml.NVML_CLOCK_SM),
    _clock("device_memory_clock_hertz", pynvml.NVML_CLOCK_MEM),
    Question(("device_throttle_reasons",), _throttle_reasons),
    # over the board's lifetime, and since the driver was loaded: the first survives a restart, the second is immediate
    _ecc("device_ecc_corrected_total", _CORRECTED, pynvml.NVML_AGGREGATE_ECC),
    _ecc("device_ecc_uncorrected_total", _UNCORRECTED, pynvml.NVML_AGGREGATE_ECC),
    _ecc("device_ecc_corrected_volatile_total", _CORRECTED, pynvml.NVML_VOLATILE_ECC),
    _ecc("device_ecc_uncorrected_volatile_total", _UNCORRECTED, pynvml.NVML_VOLATILE_ECC),
    Question(
        ("device_remapped_rows_correctable_total", "device_remapped_rows_uncorrectable_total"),
        lambda device: pynvml.nvmlDeviceGetRemappedRows(device)[:2],
        together=sum,
    ),
    Question(
        ("device_row_remapping_pending", "device_row_remapping_failed"),
        lambda device: pynvml.nvmlDeviceGetRemappedRows(device)[2:],
        together=max,
    ),
    Question(
        ("device_pcie_replays_total",),
        lambda device: (pynvml.nvmlDeviceGetPcieReplayCounter(device),),
        together=sum,
    ),
)

THROUGHPUT = Question(
    ("device_pcie_rx_bytes_per_second", "device_pcie_tx_bytes_per_second"),
    lambda device: (
        pynvml.nvmlDeviceGetPcieThroughput(device, pynvml.NVML_PCIE_UTIL_RX_BYTES),
        pynvml.nvmlDeviceGetPcieThroughput(device, pynvml.NVML_PCIE_UTIL_TX_BYTES),
    ),
    times=1000,
)

TOGETHER: Mapping[str, Callable[[Sequence[float]], float]] = {
    name: question.together for question in QUESTIONS if question.together is not None for name in question.names
} | {XIDS: sum}


def read_device(
    device: Device, values: dict[str, float], missing: dict[str, str], questions: Iterable[Question] = QUESTIONS
) -> None:
    """Fill in one device's indicators, in the units of their names; values without an answer go to ``missing``.

    Raises NVMLError, with nothing filled in, for a device that is lost.
    """
    for question in questions:
        try:
            answers = question.ask(device)
        except (*LIBRARY_LOST, pynvml.NVMLError_GpuIsLost):
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
