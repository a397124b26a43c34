"""The device sampler on a real device: against nvidia-smi, and a process whose device memory grows in known steps."""

from __future__ import annotations

import csv
import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise

import pytest

from aging.core.records import HARNESS
from aging.core.targets import Target
from aging.sampling.nvml.identity import devices
from aging.sampling.samplers.device import DeviceSampler

pytestmark = pytest.mark.gpu

MIB = 2**20
STEP = 64 * MIB

ALLOCATES = f"""
import sys, torch
held = [torch.ones(1, device="cuda")]
torch.cuda.synchronize()
print("ready", flush=True)
for line in sys.stdin:
    held.append(torch.ones({STEP}, dtype=torch.uint8, device="cuda"))
    torch.cuda.synchronize()
    print("ready", flush=True)
"""

Values = Mapping[str, float]


@pytest.fixture(autouse=True)
def device() -> None:
    if reason := DeviceSampler.unavailable():
        pytest.skip(reason)


def _read(*targets: Target) -> dict[tuple[str, str], tuple[Values, Mapping[str, str]]]:
    readings = DeviceSampler(lambda: targets).read()
    return {(reading.owner, reading.entity): (reading.values, reading.missing) for reading in readings}


def _nvidia_smi(*fields: str) -> list[dict[str, float | None]]:
    """The values of nvidia-smi for every device; None where it prints N/A."""
    argv = ["nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"]
    ran = subprocess.run(argv, capture_output=True, check=True, text=True)
    return [
        {field: _number(said) for field, said in zip(fields, line, strict=True)}
        for line in csv.reader(ran.stdout.splitlines(), skipinitialspace=True)
    ]


def _number(said: str) -> float | None:
    try:
        return float(said)
    except ValueError:
        return None


@pytest.mark.parametrize(
    ("field", "name", "unit", "tolerance"),
    [
        ("memory.total", "device_memory_total_bytes", MIB, 1.0),
        ("memory.reserved", "device_memory_reserved_bytes", MIB, 1.0),
        ("memory.used", "device_memory_used_bytes", MIB, 256.0),
        ("memory.free", "device_memory_free_bytes", MIB, 256.0),
        ("power.draw.instant", "device_power_watts", 1, 100.0),
        ("temperature.gpu", "device_temperature_celsius", 1, 5.0),
        ("clocks.sm", "device_sm_clock_hertz", 1e6, 2000.0),
        ("clocks.mem", "device_memory_clock_hertz", 1e6, 1.0),
        ("ecc.errors.corrected.aggregate.total", "device_ecc_corrected_total", 1, 0.0),
        ("ecc.errors.uncorrected.volatile.total", "device_ecc_uncorrected_volatile_total", 1, 0.0),
    ],
)
def test_a_device_is_read_as_nvidia_smi_reads_it(field: str, name: str, unit: float, tolerance: float) -> None:
    readings = _read()
    for index, row in enumerate(_nvidia_smi(field)):
        said = row[field]
        values, missing = readings[HARNESS, f"gpu{index}"]
        if said is None:
            assert name in missing
        else:
            assert values[name] / unit == pytest.approx(said, abs=tolerance)


def test_a_real_device_has_a_name_and_every_value_or_its_reason() -> None:
    for index, described in enumerate(devices()):
        assert described["name"]
        assert described["uuid"]
        values, missing = _read()[HARNESS, f"gpu{index}"]
        assert values["device_memory_total_bytes"] == described["memory_total_bytes"]
        assert all(reason.startswith("NVML: ") for reason in missing.values())


def test_a_process_that_takes_device_memory_in_steps_is_followed_to_the_step() -> None:
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed")
    argv = [sys.executable, "-c", ALLOCATES]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            target = Target("torch", "tree", 1, (process.pid,))
            sampler = DeviceSampler(lambda: (target,))
            held = []
            for _ in range(5):
                assert process.stdout.readline() == "ready\n", "torch cannot use the device"
                (reading,) = (one for one in sampler.read() if one.owner == "torch")
                if reading.missing:
                    pytest.skip("; ".join(reading.missing.values()))
                held.append(reading.values["device_process_memory_bytes"])
                process.stdin.write("more\n")
                process.stdin.flush()
            if not any(held):
                pytest.skip("NVML lists no process of this container")
            assert [after - before for before, after in pairwise(held)] == [STEP] * 4
        finally:
            process.kill()
