"""The device sampler over the real pynvml and a stand-in libnvidia-ml.so.1, in a separate process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from aging.core.records import HARNESS
from aging.store.reader import read_rows
from tests.conftest import ROOT, wait_for

GIB = 2**30
MEMORY, LIMIT = "device_process_memory_bytes", "device_process_memory_limit_bytes"
NO_SUCH_PID = 2**22 + 1  # above the kernel's PID_MAX_LIMIT

PROBE = """
import asyncio, json, os, signal, sys, threading, time
from pathlib import Path
import pynvml
from aging.core.records import Reading
from aging.sampling.nvml import identity
from aging.core.targets import Target
from aging.sampling.base import Sampler
from aging.sampling.samplers.device import DeviceSampler
from aging.sampling.loop import Plan, Sampling

targets = []
sampler = DeviceSampler(lambda: targets)

def read(answer):
    try:
        answer["readings"] = [
            [r.owner, r.entity, r.generation, dict(r.values), dict(r.missing)] for r in sampler.read()
        ]
    except Exception as error:
        answer["raised"] = type(error).__name__

class Beat(Sampler):
    kind, default_interval = "beat", 0.1

    def read(self):
        return [Reading("a", "tree", 1, {"x": 1.0})]

async def sample(folder, events):
    sampling = Sampling(
        lambda owner, source: Path(folder) / owner / source,
        lambda event: events.append([event.kind, event.details]),
        lambda reading: None,
    )
    start = time.monotonic()
    plans = [Plan(one, 0.1, deadline=3.0) for one in (sampler, Beat(lambda: ()))]
    tasks = [asyncio.create_task(sampling.run(plan, start)) for plan in plans]
    async with asyncio.timeout(60):
        while "sampler_recovered" not in [kind for kind, _ in events]:
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.3)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    sampling.close()

def serve(asked, answers):
    for line in asked:
        request = json.loads(line)
        targets[:] = [Target(**target) for target in request.get("targets", ())]
        answer = {"beats": 0}
        if request["do"] == "unavailable":
            identity._START_SECONDS = request.get("within", 60.0)
            answer["reason"] = DeviceSampler.unavailable()
        elif request["do"] == "devices":
            answer["devices"] = identity.devices()
        elif request["do"] == "sample":
            answer["events"] = []
            asyncio.run(sample(request["folder"], answer["events"]))
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
        print(json.dumps(answer), file=answers, flush=True)

# One interpreter imports all this, and forks a process for every probe.
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    script, *pipes = line.rstrip("\\n").split("\\t")
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ["NVML_STANDIN"] = script
        with open(pipes[0]) as asked, open(pipes[1], "w") as answers:
            serve(asked, answers)
        os._exit(0)
    print(pid, flush=True)
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
corrected 40
volatile 1
volatile_corrected 20
energy 123456789
fan 35
memory_clock 2619
replays 6
rx 2500
tx 1500
remapped 2 1 1 0
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
    "device_ecc_corrected_total": 40,
    "device_ecc_uncorrected_volatile_total": 1,
    "device_ecc_corrected_volatile_total": 20,
    "device_energy_joules_total": 123456.789,
    "device_fan_speed_ratio": 0.35,
    "device_memory_clock_hertz": 2.619e9,
    "device_pcie_replays_total": 6,
    "device_remapped_rows_correctable_total": 2,
    "device_remapped_rows_uncorrectable_total": 1,
    "device_row_remapping_pending": 1,
    "device_row_remapping_failed": 0,
    "device_xid_errors_total": 0,
}
THROUGHPUT = {"device_pcie_rx_bytes_per_second": 2.5e6, "device_pcie_tx_bytes_per_second": 1.5e6}
"""What the first read of a device adds, and every tenth after it."""


class Probe:
    """A process that reads the sampler on command; its NVML answers from ``script``."""

    def __init__(self, pid: int, asks: IO[str], answers: IO[str], script: Path) -> None:
        self.pid = pid
        self._asks = asks
        self._answers = answers
        self._script = script

    def script(self, text: str) -> None:
        fresh = self._script.with_suffix(".fresh")
        fresh.write_text(text)
        fresh.replace(self._script)

    def ask(self, do: str, *targets: dict[str, Any], **more: Any) -> dict[str, Any]:
        self._asks.write(json.dumps({"do": do, "targets": targets} | more) + "\n")
        self._asks.flush()
        answer: dict[str, Any] = json.loads(self._answers.readline())
        return answer

    def read(self, *targets: dict[str, Any]) -> dict[tuple[str, str], tuple[dict[str, float], dict[str, str]]]:
        """Values and missing by owner and entity, but for the PCIe throughput, which not every read has."""
        readings = self.ask("read", *targets)["readings"]
        table = {
            (owner, entity): ({name: value for name, value in values.items() if name not in THROUGHPUT}, missing)
            for owner, entity, _, values, missing in readings
        }
        assert len(table) == len(readings)
        return table

    def memory(self, target: dict[str, Any]) -> float | str:
        """The target's device memory in bytes, or why it is missing."""
        values, missing = self.read(target)[target["owner"], "gpu-total"]
        (found,) = (of[MEMORY] for of in (values, missing) if MEMORY in of)
        return found


@contextmanager
def _forking(library: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that forks probes of the library in this folder."""
    environment = os.environ | {"LD_LIBRARY_PATH": str(library), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", PROBE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def _probe(forking: subprocess.Popen[str], script: Path) -> Iterator[Probe]:
    assert forking.stdin is not None
    assert forking.stdout is not None
    pipes = script.with_name("asks"), script.with_name("answers")
    for pipe in pipes:
        os.mkfifo(pipe)
    forking.stdin.write("\t".join(map(str, (script, *pipes))) + "\n")
    forking.stdin.flush()
    pid = int(forking.stdout.readline())
    with pipes[0].open("w") as asks, pipes[1].open() as answers:
        probe = Probe(pid, asks, answers, script)
        probe.script(DEVICE)
        try:
            yield probe
        finally:
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def new(libraries: Path) -> Iterator[subprocess.Popen[str]]:
    with _forking(libraries / "new") as process:
        yield process


@pytest.fixture(scope="module")
def old(libraries: Path) -> Iterator[subprocess.Popen[str]]:
    with _forking(libraries / "old") as process:
        yield process


@pytest.fixture
def probe(new: subprocess.Popen[str], tmp_path: Path) -> Iterator[Probe]:
    with _probe(new, tmp_path / "script") as probe:
        yield probe


@pytest.fixture
def old_driver(old: subprocess.Popen[str], tmp_path: Path) -> Iterator[Probe]:
    with _probe(old, tmp_path / "script") as probe:
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
    assert readings[:2] == [[HARNESS, "gpu0", 1, VALUES | THROUGHPUT, {}], [HARNESS, "gpu1", 1, idle, {}]]


def test_several_devices_are_summed_where_they_add_up_and_averaged_where_they_do_not(probe: Probe) -> None:
    probe.script(DEVICE)
    assert list(probe.read()) == [(HARNESS, "gpu0")]
    other = DEVICE.replace("power 250500", "power 49500").replace("gpu 57", "gpu 7").replace("temperature 64", "")
    probe.script(f"{DEVICE}{other}temperature 32\nerror nvmlDeviceGetFanSpeed 3\n")
    assert list(probe.read()) == [(HARNESS, "gpu0")]  # devices are counted when the library starts
    probe.script("error * 9\n")
    probe.ask("read")
    probe.script(f"{DEVICE}{other}temperature 32\nerror nvmlDeviceGetFanSpeed 3\n")
    values, missing = probe.read()[HARNESS, "gpu-all"]
    assert missing == {"device_fan_speed_ratio": "gpu1: NVML: Not Supported"}
    assert values["device_memory_total_bytes"] == 160 * GIB
    assert values["device_power_watts"] == 300
    assert values["device_energy_joules_total"] == 2 * 123456.789
    assert values["device_utilization_ratio"] == pytest.approx(0.32)
    assert values["device_temperature_celsius"] == 48
    assert values["device_sm_clock_hertz"] == 1.98e9
    assert values["device_row_remapping_pending"] == 1
    assert not {"device_throttle_reasons", "device_xid_last_code"} & set(values)
    probe.script(f"{DEVICE}{DEVICE}error nvmlDeviceGetPowerUsage 15\n")
    values, missing = probe.read()[HARNESS, "gpu-all"]
    assert values == {}
    assert missing["device_power_watts"] == "gpu1: NVML: GPU is lost"


def test_throughput_is_asked_of_one_device_a_read_and_seldom(probe: Probe) -> None:
    probe.script(DEVICE * 2)
    asked = [
        [entity for _, entity, _, values, _ in probe.ask("read")["readings"] if set(THROUGHPUT) <= set(values)]
        for _ in range(12)
    ]
    assert asked == [["gpu0"], ["gpu1"], *[[]] * 8, ["gpu0"], ["gpu1"]]


def test_a_driver_before_510_is_read_through_its_older_symbols(old_driver: Probe) -> None:
    old_driver.script(f"{DEVICE}\ncompute {old_driver.pid} 1000\n")
    readings = old_driver.read(_target(old_driver.pid))
    values, missing = readings[HARNESS, "gpu0"]
    assert missing == {"device_memory_reserved_bytes": "NVML: N/A"} | {
        name: "NVML: Function Not Found" for name in VALUES if "remap" in name
    }
    found = {name: value for name, value in VALUES.items() if name not in missing}
    assert values == found | {"device_memory_used_bytes": 20 * GIB}  # with what is reserved
    assert readings["vllm", "gpu-total"] == ({MEMORY: 1000, LIMIT: 60 * GIB + 1000}, {})


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
        **{name: "NVML: Not Supported" for name in VALUES if "_ecc_" in name},
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
        "vllm": {MEMORY: 40123, LIMIT: 120 * GIB + 40123},
        "alone": {MEMORY: 100, LIMIT: 60 * GIB + 100},  # it is on one of the devices only
        "other": {MEMORY: 40000, LIMIT: 60 * GIB + 40000},
    }


def test_without_free_memory_there_is_no_limit(probe: Probe) -> None:
    probe.script(f"{DEVICE}\nerror nvmlDeviceGetMemoryInfo_v2 4\ncompute {probe.pid} 100\n")
    found = probe.read(_target(probe.pid))["vllm", "gpu-total"]
    assert found == ({MEMORY: 100}, {LIMIT: "gpu0: NVML: Insufficient Permissions"})


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


@pytest.mark.parametrize("used", [-1, 0])
def test_process_memory_that_nvml_does_not_give_is_missing(probe: Probe, bystander: int, used: int) -> None:
    probe.script(f"{DEVICE}\ncompute {probe.pid} 10\n{DEVICE}\ncompute {probe.pid} {used}\ncompute {bystander} 7\n")
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


def test_a_lost_device_is_missing_until_it_is_back(probe: Probe) -> None:
    probe.script(DEVICE + DEVICE)
    assert probe.read()[HARNESS, "gpu0"] == (VALUES, {})
    probe.script(f"{DEVICE}\nerror nvmlDeviceGetClockInfo 15\n{DEVICE}\n")
    readings = probe.read(_target(probe.pid))
    assert readings[HARNESS, "gpu0"] == ({}, {"device": "NVML: GPU is lost"})
    assert readings[HARNESS, "gpu1"] == (VALUES, {})
    assert readings["vllm", "gpu-total"] == ({}, {MEMORY: "gpu0: NVML: GPU is lost"})
    probe.script(f"{DEVICE}\nerror nvmlDeviceGetHandleByIndex_v2 15\n{DEVICE}\n")
    assert probe.read()[HARNESS, "gpu0"] == ({}, {"device": "NVML: GPU is lost"})
    probe.script(f"{DEVICE}\ncompute {probe.pid} 5\n{DEVICE}\n")
    readings = probe.read(_target(probe.pid))
    assert readings[HARNESS, "gpu0"] == (VALUES, {})
    assert readings["vllm", "gpu-total"][0][MEMORY] == 5


def test_the_library_is_started_again_after_it_lost_its_driver(probe: Probe) -> None:
    probe.read()
    probe.script(f"error * 9\n{DEVICE}")
    assert probe.ask("read")["raised"] == "NVMLError_DriverNotLoaded"
    assert probe.ask("read")["raised"] == "NVMLError_DriverNotLoaded"
    probe.script(DEVICE + DEVICE)
    assert list(probe.read()) == [(HARNESS, "gpu0"), (HARNESS, "gpu1"), (HARNESS, "gpu-all")]


def _xids(probe: Probe) -> tuple[float | None, float | None]:
    values, _ = probe.read()[HARNESS, "gpu0"]
    return values.get("device_xid_errors_total"), values.get("device_xid_last_code")


def test_xid_errors_are_counted_from_the_first_read_on(probe: Probe) -> None:
    probe.script(f"{DEVICE}\nxid 13\n")  # before anybody asked
    assert _xids(probe) == (0, None)
    probe.script(f"{DEVICE}\nxid 13\nxid 31\nxid 43\n")
    assert _xids(probe) == (2, 43)
    assert _xids(probe) == (2, 43)


def test_xid_errors_are_registered_for_again_when_the_library_is_back(probe: Probe) -> None:
    probe.read()
    probe.script(f"{DEVICE}\nxid 31\n")
    assert _xids(probe) == (1, 31)
    for _ in range(40):  # more often than the stand-in has event sets
        probe.script(f"error * 9\n{DEVICE}")
        assert probe.ask("read")["raised"] == "NVMLError_DriverNotLoaded"
        probe.script(f"{DEVICE}\nxid 31\n")
        assert _xids(probe) == (1, 31)
    probe.script(f"{DEVICE}\nxid 31\nxid 119\n")
    assert _xids(probe) == (2, 119)


def test_the_xid_that_takes_a_device_away_is_reported(probe: Probe) -> None:
    probe.read()
    probe.script(f"{DEVICE}\nxid 79\nerror nvmlDeviceGetHandleByIndex_v2 15\n")
    lost = ({"device_xid_errors_total": 1, "device_xid_last_code": 79}, {"device": "NVML: GPU is lost"})
    assert probe.read()[HARNESS, "gpu0"] == lost
    assert probe.read()[HARNESS, "gpu0"] == lost
    probe.script(f"{DEVICE}\nxid 79\n")
    assert probe.read()[HARNESS, "gpu0"] == (VALUES | lost[0], {})
    probe.script(f"{DEVICE}\nxid 79\nxid 94\n")
    assert _xids(probe) == (2, 94)


@pytest.mark.parametrize("function", ["nvmlEventSetCreate", "nvmlDeviceRegisterEvents", "nvmlEventSetWait_v2"])
def test_events_that_are_refused_cost_nothing_but_themselves(probe: Probe, function: str) -> None:
    rule = f"error {function} 3\n"
    probe.script(f"{rule}{DEVICE}")
    probe.read()
    values, missing = probe.read()[HARNESS, "gpu0"]
    assert missing == {"device_xid_errors_total": "NVML: Not Supported"}
    assert values == {name: value for name, value in VALUES.items() if name not in missing}


INSTANCE = """
mig
total {0}0000
free {0}6000
used {0}3000
reserved 500
"""


def test_mig_instances_are_read_one_by_one(probe: Probe, bystander: int) -> None:
    probe.script(
        f"{DEVICE}{INSTANCE.format(1)}compute {probe.pid} 3000\n{INSTANCE.format(2)}compute {bystander} 70\n"
        f"compute {probe.pid} 400\n{DEVICE}"
    )
    readings = probe.read(_target(probe.pid), _target(bystander, "other"))
    assert list(readings)[:5] == [(HARNESS, entity) for entity in ("gpu0", "gpu0/mig0", "gpu0/mig1", "gpu1", "gpu-all")]
    values, missing = readings[HARNESS, "gpu0"]
    assert missing == dict.fromkeys(
        ("device_utilization_ratio", "device_memory_utilization_ratio"),
        "NVML: Not Supported (the device is in MIG mode)",
    )
    assert values == {name: value for name, value in VALUES.items() if name not in missing}
    assert readings[HARNESS, "gpu0/mig1"] == (
        {
            "device_memory_total_bytes": 20000,
            "device_memory_free_bytes": 26000,
            "device_memory_used_bytes": 23000,
            "device_memory_reserved_bytes": 500,
        },
        {},
    )
    assert readings["vllm", "gpu-total"] == ({MEMORY: 3400, LIMIT: 3400 + 16000 + 26000}, {})
    assert readings["other", "gpu-total"] == ({MEMORY: 70, LIMIT: 70 + 26000}, {})


def test_the_device_is_queried_where_an_instance_hides_its_processes(probe: Probe) -> None:
    refused = "error nvmlDeviceGetComputeRunningProcesses_v3 4\n"
    instances = f"{INSTANCE.format(1)}compute {probe.pid} 3000\n{INSTANCE.format(2)}{refused}"
    probe.script(f"{DEVICE}compute {probe.pid} 3400\n{instances}")
    found = probe.read(_target(probe.pid))["vllm", "gpu-total"]
    assert found == ({MEMORY: 3400}, {LIMIT: "gpu0: which instance is not known"})
    probe.script(f"{DEVICE}compute {probe.pid} -1\n{instances}")
    reason = f"gpu0: NVML lists pid {probe.pid} without its memory; gpu0/mig1: NVML: Insufficient Permissions"
    assert probe.memory(_target(probe.pid)) == reason
    probe.script(f"{DEVICE}{refused}{instances}")
    reason = "gpu0: NVML: Insufficient Permissions; gpu0/mig1: NVML: Insufficient Permissions"
    assert probe.memory(_target(probe.pid)) == reason


def test_the_manifest_has_the_devices_and_their_instances(probe: Probe) -> None:
    probe.script(f"{DEVICE}{DEVICE}{INSTANCE.format(1)}")
    of_all = {"driver_version": "570.00.01", "memory_total_bytes": 80 * GIB}
    assert probe.ask("devices")["devices"] == [
        of_all | {"entity": "gpu0", "name": "Stand-in 0", "uuid": "GPU-0000", "mig_mode": False},
        of_all
        | {"entity": "gpu1", "name": "Stand-in 1", "uuid": "GPU-0001", "mig_mode": True}
        | {
            "instances": [
                {"entity": "gpu1/mig0", "name": "Stand-in 8", "uuid": "MIG-0000", "memory_total_bytes": 10000}
            ]
        },
    ]
    probe.script(f"{DEVICE}error nvmlDeviceGetName 3\n{DEVICE}error nvmlDeviceGetHandleByIndex_v2 15\n")
    first, second = probe.ask("devices")["devices"]
    assert first["name"] is None
    assert second == {"entity": "gpu1", "driver_version": "570.00.01", "missing": "NVML: GPU is lost"}
    probe.script("error nvmlInitWithFlags 9\n")
    assert probe.ask("devices")["devices"] == []


def test_a_call_that_hangs_holds_up_its_own_thread_only(probe: Probe) -> None:
    probe.script(f"{DEVICE}\nhang nvmlDeviceGetPowerUsage 1.0\n")
    answer = probe.ask("read")
    assert answer["seconds"] >= 1.0
    assert answer["beats"] >= 3  # one, were the interpreter held
    assert answer["readings"] == [[HARNESS, "gpu0", 1, VALUES | THROUGHPUT, {}]]


def test_a_call_that_hangs_is_abandoned_and_other_samplers_go_on(probe: Probe, tmp_path: Path) -> None:
    probe.script(f"{DEVICE}\nhang nvmlDeviceGetPowerUsage 6.0\n")
    late = "the device sampler did not answer within 3 s"

    def recover() -> None:
        written = tmp_path / "rows" / HARNESS / "device"
        wait_for(lambda: any(late in path.read_text() for path in written.glob("*.jsonl")), "it was not given up")
        probe.script(DEVICE)

    recovery = threading.Thread(target=recover)
    recovery.start()
    events = probe.ask("sample", folder=str(tmp_path / "rows"))["events"]
    recovery.join()
    assert events == [
        ["sampler_failing", {"sampler": "device", "reason": late}],
        ["sampler_recovered", {"sampler": "device"}],
    ]
    rows = read_rows(tmp_path / "rows" / HARNESS / "device").table.to_pylist()
    abandoned = [row for row in rows if row["entity"] == "sampler"]
    reasons = [json.loads(row["missing"])["sampler"] for row in abandoned]
    assert reasons[0] == late
    assert set(reasons[1:]) == {"the device sampler is still reading"}
    assert [row["device_power_watts"] for row in rows if row["entity"] == "gpu0"][-1] == 250.5
    beats = read_rows(tmp_path / "rows" / "a" / "beat").table.to_pylist()
    assert sum(abandoned[0]["mono"] < row["mono"] <= abandoned[-1]["mono"] for row in beats) >= 3


def test_a_library_that_never_starts_is_not_waited_for(probe: Probe) -> None:
    probe.script(f"hang nvmlInitWithFlags 2\n{DEVICE}")
    assert probe.ask("unavailable", within=0.2)["reason"] == "NVML does not answer within 0.2 s"


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
def test_unavailable_returns_why_and_leaves_the_library_stopped(probe: Probe, script: str, reason: str | None) -> None:
    probe.script(script)
    assert probe.ask("unavailable")["reason"] == reason
    probe.script(DEVICE)
    assert not probe.ask("started")["started"]
    assert probe.read()[HARNESS, "gpu0"] == (VALUES, {})
    assert probe.ask("started")["started"]


def test_without_the_library_it_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "libnvidia-ml.so.1").write_text("not a library")  # found before a real one, and of no use
    with _forking(tmp_path) as process, _probe(process, tmp_path / "script") as probe:
        assert probe.ask("unavailable")["reason"] == "the NVIDIA driver's libnvidia-ml.so.1 is not installed"
