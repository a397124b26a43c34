"""Calibration of real servers: the ceiling of one, and that nothing is left of what is ended."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.app.test_calibrate import campaign
from tests.conftest import Aging, wait_for
from tests.e2e.processes import PATIENCE_SECONDS, listening

DIES_UNDER_LOAD = """
import pathlib, subprocess, sys, time, urllib.request
port = sys.argv[1]
server = subprocess.Popen([sys.executable, "-m", "aging.deployments.reference_server", "--port", port])
def requests():
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            text = answer.read().decode()
    except OSError:
        return 0
    return sum(float(line.split()[1]) for line in text.splitlines() if line.startswith("reference_requests_total"))
while requests() < 5:
    time.sleep(0.05)
server.kill()
server.wait()
"""


@pytest.mark.slow
def test_required_calibration(aging: Aging, tmp_path: Path) -> None:
    file, out = campaign(tmp_path), tmp_path / "out.toml"
    refused = aging("run", file)
    assert refused.returncode == 2
    assert "load.require_calibration: small.calibration.json" in refused.stderr

    # Four at a time, a twentieth of a second each: requests are dropped long before 80 a second.
    flags = ("--step", "1500ms", "--settle", "300ms", "--from-rate", "20", "--precision", "0.7")
    made = aging("calibrate", file, *flags, "--write", out, timeout=180)
    assert made.returncode == 0, made.stdout + made.stderr
    found = json.loads((tmp_path / "small.calibration.json").read_text())
    (one,) = found["deployments"]
    assert 5 <= one["ceiling"] < one["saturated"] <= 160
    assert one["rate"] == pytest.approx(0.85 * one["ceiling"], rel=1e-3)
    assert "<svg" in (tmp_path / "small.calibration.svg").read_text()
    assert tomllib.loads(out.read_text())["deployment"][0]["rate"] == one["rate"]

    assert aging("doctor", out).returncode == 0
    changed = file.read_text().replace("tokens = 8", "tokens = 9")
    file.write_text(changed)
    stale = aging("run", file)
    assert stale.returncode == 2
    assert "made for other deployments, another load or another host" in stale.stderr


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("number", "code"), [pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_killed_calibration_leaves_no_server(
    start_aging: Callable[..., subprocess.Popen[str]], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    file = campaign(tmp_path)
    port = tomllib.loads(file.read_text())["deployment"][0]["port"]
    process = start_aging("calibrate", file, "--step", "10m")
    wait_for(lambda: listening(port), "the server does not listen")
    process.send_signal(number)
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == code
    wait_for(lambda: not listening(port), "the server was left behind")
    assert not list(tmp_path.glob("*.calibration.*"))


@pytest.mark.slow
def test_server_dies(cli: Aging, tmp_path: Path) -> None:
    file = campaign(tmp_path)
    program = tmp_path / "dies.py"
    program.write_text(DIES_UNDER_LOAD)
    text = file.read_text().replace('kind = "reference"', 'kind = "command"')
    text = text.replace('ttft = "45ms"\ntoken = "1ms"\n', "")
    file.write_text(text + f"command = {json.dumps([sys.executable, str(program), '{port}'])}\n")
    made = cli("calibrate", file, "--step", "10m")
    assert made.returncode == 3
    assert "control died" in made.stderr
