"""A whole campaign over the stand-in for NVML: device memory that grows becomes a finding, at its rate."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aging.store.results import open_results
from tests.conftest import ROOT, result_directory, unused_port, wait_for, write_campaign
from tests.sampling.test_device import DEVICE, GIB

pytestmark = pytest.mark.slow

RATE = 32 * 2**20
FREE = 60 * GIB


@pytest.fixture(scope="module")
def campaign(libraries: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result directory; of its two servers, ``leak`` is scripted to take ever more of the device's memory."""
    folder = tmp_path_factory.mktemp("device")
    file = write_campaign(folder, unused_port(), unused_port(), duration="14s", warmup="3s")
    file.write_text(file.read_text().replace('host = "1s"', 'host = "1s"\ndevice = "200ms"'))
    script, fresh = folder / "script", folder / "script.fresh"
    script.write_text(DEVICE)
    environment = os.environ | {
        "LD_LIBRARY_PATH": str(libraries / "new"),
        "NVML_STANDIN": str(script),
        "PYTHONPATH": str(ROOT),
    }
    argv = [sys.executable, "-m", "aging", "run", str(file)]
    with subprocess.Popen(argv, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as running:
        wait_for(lambda: len(_pids(folder)) == 2, "the deployments were not started", seconds=90.0)
        pids = _pids(folder)
        fresh.write_text(
            f"{DEVICE}\ncompute {pids['clean']} {GIB}\ncompute {pids['leak']} {2 * GIB} 0 {RATE}\nxid 31\n"
        )
        fresh.replace(script)
        try:
            output, _ = running.communicate(timeout=100)
        finally:
            running.kill()
    assert running.returncode == 0, output
    return result_directory(folder / "results")


def _pids(folder: Path) -> dict[str, int]:
    journals = list((folder / "results").glob("*/*/journal.jsonl"))
    lines = [json.loads(line) for journal in journals for line in journal.read_text().splitlines(keepends=True)]
    return {line["deployment"]: line["pid"] for line in lines if line["event"] == "deployment_started"}


def finding(root: Path, deployment: str) -> dict[str, Any]:
    findings = json.loads((root / "findings.json").read_text())["findings"]
    of = (deployment, "device_process_memory_bytes")
    (found,) = (f for f in findings if (f["deployment"], f["indicator"]) == of)
    return dict(found)


def test_growing_device_memory_is_aging_at_the_scripted_rate(campaign: Path) -> None:
    found = finding(campaign, "leak")
    assert found["verdict"] == "aging"
    assert found["slope_per_hour"] == pytest.approx(RATE * 3600, rel=0.02)
    low, high = found["ci_per_hour"]
    assert low < RATE * 3600 * 1.02
    assert high > RATE * 3600 * 0.98
    assert found["slope_per_request"] == pytest.approx(RATE / 30, rel=0.2)
    assert found["exhaustion_hours"][0] == pytest.approx(FREE / RATE / 3600, rel=0.05)


def test_device_memory_that_stays_is_stable(campaign: Path) -> None:
    assert finding(campaign, "clean")["verdict"] == "stable"


def test_the_report_shows_device_memory_in_its_unit(campaign: Path) -> None:
    page = (campaign / "report.html").read_text()
    rows = [row for row in page.split("<tr>") if "device_process_memory_bytes" in row]
    assert any("GiB/h" in row for row in rows)


def test_the_manifest_has_the_device_and_the_problems_its_errors(campaign: Path) -> None:
    results = open_results(campaign)
    (device,) = results.manifest.devices
    assert device["uuid"] == "GPU-0000"
    assert device["memory_total_bytes"] == 80 * GIB
    messages = [p["message"] for p in json.loads((campaign / "findings.json").read_text())["problems"]]
    expected = "gpu0: XID errors (the last 31): 1; row remapping pending: 1."
    assert [message for message in messages if message.startswith("gpu0")] == [expected]
