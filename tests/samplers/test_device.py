"""The device sampler over the real pynvml and a stand-in libnvidia-ml.so.1, in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import aging.samplers
from aging.model import HARNESS

ROOT = Path(aging.samplers.__file__).parents[2]
GIB = 2**30
NO_SUCH_PID = 2**22 + 1  # above the kernel's PID_MAX_LIMIT

PROBE = """
import json, sys, threading, time
import pynvml
from aging.samplers import Target
from aging.samplers.device import DeviceSampler

targets = []
sampler = DeviceSampler(lambda: targets)

def read(answer):
    try:
        answer["readings"] = [
            [r.owner, r.entity, r.generation, dict(r.values), dict(r.missing)] for r in sampler.read()
        ]
    except Exception as error:
        answer["raised"] = type(error).__name__

for line in sys.stdin:
    request = json.loads(line)
    targets[:] = [Target(**target) for target in request.get("targets", ())]
    answer = {"beats": 0}
    if request["do"] == "unavailable":
        answer["reason"] = DeviceSampler.unavailable()
    elif request["do"] == "started":
        try:
            answer["started"] = bool(pynvml.nvmlDeviceGetCount())
        except pynvml.NVMLError_Uninitialized:
            answer["started"] = False
    else:
        reader = threading.Thread(target=read, args=(answer,))
        start = time.monotonic()
        reader.start()
        while reader.is_alive():  # beats only while the other thread's call leaves the interpreter free
            answer["beats"] += 1
            reader.join(0.05)
        answer["seconds"] = time.monotonic() - start
    print(json.dumps(answer), flush=True)
"""

DEVICE = """
device
total 85899345920
free 64424509440
used 20937965568
reserved 536870912
gpu 57
memory 29
power 250500
temperature 64
clock 1980
throttle 0x104
ecc 3
"""
VALUES = {
    "device_memory_total_bytes": 80 * GIB,
    "device_memory_free_bytes": 60 * GIB,
    "device_memory_used_bytes": 19.5 * GIB,
    "device_memory_reserved_bytes": 0.5 * GIB,
    "device_utilization_ratio": 0.57,
    "device_memory_utilization_ratio": 0.29,
    "device_power_watts": 250.5,
    "device_temperature_celsius": 64,
    "device_sm_clock_hertz": 1.98e9,
    "device_throttle_reasons": 0x104,
    "device_ecc_uncorrected_total": 3,
}


class Probe:
    """A process that reads the sampler when told; its NVML answers from ``script``."""

    def __init__(self, process: subprocess.Popen[str], script: Path) -> None:
        self._process = process
        self._script = script
        self.pid = process.pid

    def script(self, text: str) -> None:
        fresh = self._script.with_suffix(".fresh")
        fresh.write_text(text)
        fresh.replace(self._script)

    def ask(self, do: str, *targets: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, "targets": targets}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def read(self, *targets: dict[str, Any]) -> dict[tuple[str, str], tuple[dict[str, float], dict[str, str]]]:
        """Values and missing by owner and entity."""
        readings = self.ask("read", *targets)["readings"]
        table = {(owner, entity): (values, missing) for owner, entity, _, values, missing in readings}
        assert len(table) == len(readings)
        return table

    def memory(self, target: dict[str, Any]) -> float | str:
        """The target's device memory in bytes, or why it is missing."""
        values, missing = self.read(target)[target["owner"], "gpu-total"]
        assert len(values) + len(missing) == 1
        return values["device_process_memory_bytes"] if values else missing["device_process_memory_bytes"]


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stand-in as of today's drivers (``new``) and as of those before 510 (``old``)."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler to build the stand-in for NVML with")
    folder = tmp_path_factory.mktemp("nvml")
    source = Path(__file__).with_name("nvml_standin.c")
    for name, define in ("new", "-DNEW_DRIVER"), ("old", "-DOLD_DRIVER"):
        (folder / name).mkdir()
        library = folder / name / "libnvidia-ml.so.1"
        flags = ["-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", define]
        subprocess.run([compiler, *flags, "-o", str(library), str(source)], check=True)
    return folder


@contextmanager
def _probe(library: Path, script: Path) -> Iterator[Probe]:
    environment = os.environ | {
        "LD_LIBRARY_PATH": str(library),
        "NVML_STANDIN": str(script),
        "PYTHONPATH": str(ROOT),
    }
    with subprocess.Popen(
        [sys.executable, "-c", PROBE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        probe = Probe(process, script)
        probe.script(DEVICE)
        try:
            yield probe
        finally:
            process.kill()


@pytest.fixture
def probe(libraries: Path, tmp_path: Path) -> Iterator[Probe]:
    with _probe(libraries / "new", tmp_path / "script") as probe:
        yield probe


@pytest.fixture
def old_driver(libraries: Path, tmp_path: Path) -> Iterator[Probe]:
    with _probe(libraries / "old", tmp_path / "script") as probe:
        yield probe


@pytest.fixture
def bystander() -> Iterator[int]:
    """The pid of a process outside the probe's tree."""
    with subprocess.Popen(["sleep", "60"]) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def _target(pid: int, owner: str = "vllm", **more: Any) -> dict[str, Any]:
    return {"owner": owner, "entity": "tree", "generation": 2, "pids": (pid,)} | more


def test_every_value_of_every_device_is_in_the_unit_of_its_name(probe: Probe) -> None:
    probe.script(DEVICE + DEVICE.replace("gpu 57", "gpu 0").replace("power 250500", "power 71"))
    readings = probe.ask("read")["readings"]
    idle = VALUES | {"device_utilization_ratio": 0, "device_power_watts": 0.071}
    assert readings == [[HARNESS, "gpu0", 1, VALUES, {}], [HARNESS, "gpu1", 1, idle, {}]]


def test_a_driver_before_510_is_read_through_its_older_symbols(old_driver: Probe) -> None:
    old_driver.script(f"{DEVICE}\ncompute {old_driver.pid} 1000\n")
    readings = old_driver.read(_target(old_driver.pid))
    used_with_reserved = VALUES | {"device_memory_used_bytes": 20 * GIB}
    del used_with_reserved["device_memory_reserved_bytes"]
    assert readings[HARNESS, "gpu0"] == (used_with_reserved, {"device_memory_reserved_bytes": "NVML: N/A"})
    assert readings["vllm", "gpu-total"] == ({"device_process_memory_bytes": 1000}, {})


@pytest.mark.parametrize("code", [3, 13, 25])
def test_memory_without_its_second_version_is_read_in_its_first(probe: Probe, code: int) -> None:
    probe.script(f"{DEVICE}\nerror nvmlDeviceGetMemoryInfo_v2 {code}\n")
    values, missing = probe.read()[HARNESS, "gpu0"]
    assert values["device_memory_used_bytes"] == 20 * GIB
    assert list(missing) == ["device_memory_reserved_bytes"]


def test_unsupported_metrics_are_missing_with_the_reason(probe: Probe) -> None:
    probe.script(
        f"{DEVICE}\nerror nvmlDeviceGetUtilizationRates 3\nerror nvmlDeviceGetTotalEccErrors 3\n"
        "error nvmlDeviceGetTemperature 4\npower 4294967295\nfree 0xffffffffffffffff\n"
    )
    values, missing = probe.read()[HARNESS, "gpu0"]
    assert missing == {
        "device_utilization_ratio": "NVML: Not Supported",
        "device_memory_utilization_ratio": "NVML: Not Supported",
        "device_ecc_uncorrected_total": "NVML: Not Supported",
        "device_temperature_celsius": "NVML: Insufficient Permissions",
        "device_power_watts": "NVML: N/A",
        "device_memory_free_bytes": "NVML: N/A",
    }
    assert values == {name: value for name, value in VALUES.items() if name not in missing}


def test_process_memory_is_summed_over_tree_and_devices(probe: Probe, bystander: int) -> None:
    me = os.getpid()  # the probe and the bystander are children of this process
    probe.script(
        f"{DEVICE}\ncompute {me} 100\ncompute {probe.pid} 20\n{DEVICE}\ncompute {probe.pid} 3\n"
        f"compute {bystander} 40000\n"
    )
    readings = probe.read(
        _target(me),
        _target(me, "alone", with_descendants=False),
        _target(bystander, "other"),
    )
    totals = {owner: values for (owner, entity), (values, _) in readings.items() if entity == "gpu-total"}
    assert totals == {
        "vllm": {"device_process_memory_bytes": 40123},
        "alone": {"device_process_memory_bytes": 100},
        "other": {"device_process_memory_bytes": 40000},
    }


def test_the_harness_has_no_share_and_a_deployment_keeps_its_generation(probe: Probe) -> None:
    targets = [_target(probe.pid, HARNESS, entity="runner"), _target(probe.pid, HARNESS, entity="client-vllm")]
    readings = probe.ask("read", *targets, _target(probe.pid, generation=7))["readings"]
    assert [reading[:3] for reading in readings] == [[HARNESS, "gpu0", 1], ["vllm", "gpu-total", 7]]


def test_a_process_with_two_kinds_of_context_counts_once(probe: Probe) -> None:
    probe.script(f"{DEVICE}\ncompute {probe.pid} 500\ngraphics {probe.pid} 500\n")
    assert probe.memory(_target(probe.pid)) == 500


@pytest.mark.parametrize("kind", ["compute", "graphics", "mps"])
def test_a_process_in_any_list_counts(probe: Probe, kind: str) -> None:
    probe.script(f"{DEVICE}\n{kind} {probe.pid} 500\n")
    assert probe.memory(_target(probe.pid)) == 500


def test_growing_process_memory_is_followed(probe: Probe) -> None:
    probe.script(f"{DEVICE}\ncompute {probe.pid} {GIB} 4096\n")
    assert [probe.memory(_target(probe.pid)) for _ in range(4)] == [GIB + 4096 * n for n in range(4)]


@pytest.mark.parametrize("told", [-1, 0])
def test_process_memory_that_nvml_does_not_tell_is_missing(probe: Probe, bystander: int, told: int) -> None:
    probe.script(f"{DEVICE}\ncompute {probe.pid} 10\n{DEVICE}\ncompute {probe.pid} {told}\ncompute {bystander} 7\n")
    assert probe.memory(_target(probe.pid)) == f"gpu1: NVML lists pid {probe.pid} without its memory"
    assert probe.memory(_target(bystander, "other")) == 7


def test_a_process_list_that_fails_on_one_device_leaves_no_sum(probe: Probe, bystander: int) -> None:
    probe.script(f"{DEVICE}\ncompute {probe.pid} 10\n{DEVICE}\nerror nvmlDeviceGetComputeRunningProcesses_v3 4\n")
    readings = probe.read(_target(probe.pid), _target(bystander, "other"))
    reason = {"device_process_memory_bytes": "gpu1: NVML: Insufficient Permissions"}
    assert readings["vllm", "gpu-total"] == readings["other", "gpu-total"] == ({}, reason)
    assert readings[HARNESS, "gpu0"] == readings[HARNESS, "gpu1"] == (VALUES, {})


def test_a_device_that_cannot_do_graphics_still_has_a_sum(probe: Probe) -> None:
    probe.script(
        f"{DEVICE}\nerror nvmlDeviceGetGraphicsRunningProcesses_v3 3\n"
        f"error nvmlDeviceGetMPSComputeRunningProcesses_v3 3\ncompute {probe.pid} 10\n"
    )
    assert probe.memory(_target(probe.pid)) == 10


def test_a_deployment_on_no_device_holds_nothing(probe: Probe, bystander: int) -> None:
    probe.script(f"{DEVICE}\n{DEVICE}\ncompute {bystander} 7\n")
    assert probe.memory(_target(probe.pid)) == 0


def test_pids_of_another_namespace_do_not_pass_for_nothing(probe: Probe) -> None:
    probe.script(f"{DEVICE}\ncompute {NO_SUCH_PID} 7\n")
    reason = f"NVML lists pid {NO_SUCH_PID}, which is not in this pid namespace"
    assert probe.memory(_target(probe.pid)) == reason


def test_a_target_that_has_ended_does_not_pass_for_nothing(probe: Probe) -> None:
    assert probe.memory(_target(NO_SUCH_PID)) == f"pid {NO_SUCH_PID} has ended"


def test_a_lost_device_is_missing_and_the_others_go_on(probe: Probe) -> None:
    probe.script(DEVICE + DEVICE)
    assert probe.read()[HARNESS, "gpu0"] == (VALUES, {})
    probe.script(f"{DEVICE}\nerror nvmlDeviceGetClockInfo 15\n{DEVICE}\n")
    readings = probe.read(_target(probe.pid))
    assert readings[HARNESS, "gpu0"] == ({}, {"device": "NVML: GPU is lost"})
    assert readings[HARNESS, "gpu1"] == (VALUES, {})
    assert readings["vllm", "gpu-total"] == ({}, {"device_process_memory_bytes": "gpu0: NVML: GPU is lost"})
    probe.script(f"{DEVICE}\nerror nvmlDeviceGetHandleByIndex_v2 15\n{DEVICE}\n")
    assert probe.read()[HARNESS, "gpu0"] == ({}, {"device": "NVML: GPU is lost"})


def test_the_library_is_started_again_after_it_lost_its_driver(probe: Probe) -> None:
    probe.read()
    probe.script(f"error * 9\n{DEVICE}")
    assert probe.ask("read")["raised"] == "NVMLError_DriverNotLoaded"
    assert probe.ask("read")["raised"] == "NVMLError_DriverNotLoaded"
    probe.script(DEVICE + DEVICE)
    assert list(probe.read()) == [(HARNESS, "gpu0"), (HARNESS, "gpu1")]


def test_a_call_that_hangs_holds_up_its_own_thread_only(probe: Probe) -> None:
    probe.script(f"{DEVICE}\nhang nvmlDeviceGetPowerUsage 1.0\n")
    answer = probe.ask("read")
    assert answer["seconds"] >= 1.0
    assert answer["beats"] >= 5
    assert answer["readings"] == [[HARNESS, "gpu0", 1, VALUES, {}]]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (DEVICE, None),
        ("", "NVML finds no device"),
        ("error nvmlInitWithFlags 9\n", "the NVIDIA driver is not loaded"),
        ("error nvmlInitWithFlags 18\n", "NVML does not start: RM has detected an NVML/RM version mismatch."),
        ("error nvmlInitWithFlags 27\n", "NVML does not start: an error of the stand-in"),
        ("error nvmlDeviceGetCount_v2 999\n", "NVML does not count its devices: Unknown Error"),
    ],
)
def test_unavailable_says_why_and_leaves_the_library_stopped(probe: Probe, script: str, reason: str | None) -> None:
    probe.script(script)
    assert probe.ask("unavailable")["reason"] == reason
    probe.script(DEVICE)
    assert not probe.ask("started")["started"]
    assert probe.read()[HARNESS, "gpu0"] == (VALUES, {})
    assert probe.ask("started")["started"]


def test_without_the_library_it_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "libnvidia-ml.so.1").write_text("not a library")  # found before a real one, and of no use
    with _probe(tmp_path, tmp_path / "script") as probe:
        assert probe.ask("unavailable")["reason"] == "the NVIDIA driver's libnvidia-ml.so.1 is not installed"
