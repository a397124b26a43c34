"""The GPUs of a host as a study compares them, over the real pynvml and a stand-in libnvidia-ml.so.1."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

PROBE = """
import json, os, sys
from dataclasses import asdict
from aging.sampling.nvml import identity
from aging.sampling.nvml.inventory import inventory
from aging.study.host import facts
identity._START_SECONDS = 2.0
for script in sys.argv[2:]:
    os.environ["NVML_STANDIN"] = script
    host = facts("a", sys.argv[1], 0.0)
    told = {"driver": host.driver, "cuda": host.cuda, "gpus": list(map(asdict, host.gpus))}
    print(json.dumps([asdict(inventory()), told]))
os._exit(0)  # a hanging call never ends
"""
TWO = """
driver 550.54.15
cuda 12040
device
total 85899345920
used 1048576
reserved 1024
max_clock 1980
max_memory_clock 2619
device
total 85899345920
max_clock 1980
max_memory_clock 2619
applications_clock 1410
applications_memory_clock 1593
"""
SCRIPTS = {
    "two": TWO,
    "none": "driver 550.54.15\n",
    "no answers": TWO + "".join(f"error {name} 3\n" for name in ("nvmlDeviceGetUUID", "nvmlDeviceGetMemoryInfo")),
    "a device that fell off": TWO + "error * 15\n",
    "no start": "error nvmlInitWithFlags 9\n" + TWO,
    "old": "error nvmlSystemGetCudaDriverVersion_v2 13\n" + TWO,
    "hanging": "hang nvmlDeviceGetCount_v2 30\n" + TWO,
}


@pytest.fixture(scope="module")
def answers(libraries: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Any]]:
    """The inventory and the facts of a host, by script."""
    folder = tmp_path_factory.mktemp("inventory")
    paths = [folder / f"{number}" for number in range(len(SCRIPTS))]
    for path, text in zip(paths, SCRIPTS.values(), strict=True):
        path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(folder / "scratch"), *map(str, paths)],
        env=os.environ | {"LD_LIBRARY_PATH": str(libraries / "new")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return dict(zip(SCRIPTS, map(json.loads, done.stdout.splitlines()), strict=True))


def test_two_devices(answers: dict[str, tuple[Any, Any]]) -> None:
    found, facts = answers["two"]
    assert (found["driver"], found["cuda"]) == ("550.54.15", "12.4")
    first, second = found["gpus"]
    assert first == {
        "uuid": "GPU-0000",
        "model": "Stand-in 0",
        "memory": 80 * 2**30,
        "used": 1048576 + 1024,
        "clock_mhz": 1980,  # the highest, where none can be set
        "memory_clock_mhz": 2619,
    }
    assert (second["uuid"], second["clock_mhz"], second["memory_clock_mhz"]) == ("GPU-0001", 1410, 1593)
    assert facts == found


def test_a_driver_without_devices(answers: dict[str, tuple[Any, Any]]) -> None:
    found, facts = answers["none"]
    assert found == {"driver": "550.54.15", "cuda": "12.8", "gpus": []} == facts


def test_questions_without_an_answer(answers: dict[str, tuple[Any, Any]]) -> None:
    first, second = answers["no answers"][0]["gpus"]
    assert (first["uuid"], first["memory"], first["used"]) == ("GPU-0000", 80 * 2**30, 1048576 + 1024)
    assert (second["uuid"], second["memory"], second["used"], second["clock_mhz"]) == ("unknown", 0, None, 1410)
    found = answers["old"][0]
    assert (found["driver"], found["cuda"], len(found["gpus"])) == ("550.54.15", None, 2)


def test_a_device_that_fell_off_the_bus(answers: dict[str, tuple[Any, Any]]) -> None:
    """The other one is there; a study that asks for two names what NVML reads."""
    found = answers["a device that fell off"][0]
    assert [one["uuid"] for one in found["gpus"] if one["uuid"] != "unknown"] == ["GPU-0000"]


@pytest.mark.parametrize("script", ["no start", "hanging"])
def test_no_answer_at_all(answers: dict[str, tuple[Any, Any]], script: str) -> None:
    found, facts = answers[script]
    assert found == {"driver": None, "cuda": None, "gpus": []} == facts
