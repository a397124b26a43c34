"""Misbehaving servers: one campaign, a clear problem for each, and the good server continues."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from aging.core.processes.child import MARKER
from aging.core.processes.logs import rotated_path, tail, truncate_log
from aging.core.processes.ownership import mark
from aging.store.results import Results, open_results
from tests.command_line import run_here
from tests.conftest import result_directory, unused_port

HEAD = """
name = "worst"
seed = 1
duration = "4s"
load.arrivals = { kind = "constant", rate = 10.0 }
load.prompt_tokens = { median = 8, p95 = 16, min = 2, max = 32 }
load.output_tokens = { median = 4, p95 = 8, min = 1, max = 16 }
sampling.process = "200ms"
"""
REFERENCE = f"{sys.executable} -m aging.deployments.reference_server --port $0"
COMMANDS = {
    "good": f"exec {REFERENCE}",
    "ends-at-once": "echo loading; echo 'no kernel image is available' >&2; exit 7",
    "out-of-memory": "kill -KILL $$",
    "never-ready": "echo still loading; exec sleep 60",
    "prints-without-end": "yes a line that says nothing at all | head -c 8000000; exec sleep 60",
    # Deaf to SIGTERM, with one worker in its group and one that has left it.
    "deaf": f"trap '' TERM; (trap '' TERM; exec sleep 60) & setsid sh -c 'trap \"\" TERM; sleep 60' & "
    f"{REFERENCE}; sleep 60",
}

BUSY_HOST = {"ticks", "late"}
"""Problems that are the testing machine's, not the server's."""


def campaign(folder: Path) -> Path:
    text = HEAD
    for name, command in COMMANDS.items():
        port = unused_port()
        text += f'\n[[deployment]]\nname = "{name}"\nkind = "command"\nport = {port}\n'
        text += f'command = {json.dumps(["sh", "-c", command, "{port}"])}\nlog_size = "256KiB"\nstop_timeout = "1s"\n'
        if name in ("never-ready", "prints-without-end"):
            text += 'ready_timeout = "3s"\n'
    path = folder / "campaign.toml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def worst(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, str, int]:
    """The campaign, its output and its exit code."""
    folder = tmp_path_factory.mktemp("worst")
    ran = run_here(folder, "run", campaign(folder))
    return open_results(result_directory(folder / "results")), ran.stdout + ran.stderr, ran.returncode


def problems(results: Results, deployment: str) -> dict[str, str]:
    found: dict[str, Any] = json.loads(results.layout.findings.read_text())
    return {one["kind"]: one["message"] for one in found["problems"] if one["deployment"] == deployment}


@pytest.mark.thorough
def test_good_server_measured_to_end(worst: tuple[Results, str, int]) -> None:
    results, output, code = worst
    assert code == 0, output
    assert "Traceback" not in output
    assert problems(results, "good").keys() <= BUSY_HOST
    assert len(results.requests("good")) == 39  # at 10 a second over 4 s, the first after a tenth


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("deployment", "message"),
    [
        ("ends-at-once", "(exit 7). Last log lines: loading | no kernel image is available"),
        ("out-of-memory", "ended before it was ready (killed by SIGKILL)"),
        ("never-ready", "not ready within 3 s; last answer: "),
        ("never-ready", "still loading"),
        ("prints-without-end", "a line that says nothing at all"),
    ],
)
def test_start_failure_reason(worst: tuple[Results, str, int], deployment: str, message: str) -> None:
    results, _, _ = worst
    assert message in problems(results, deployment)["died"]
    assert results.requests(deployment).empty


@pytest.mark.thorough
def test_endless_output_is_capped(worst: tuple[Results, str, int]) -> None:
    results, _, _ = worst
    log = results.layout.log("prints-without-end", 1)
    assert rotated_path(log).stat().st_size == 128 * 1024
    assert "256 KiB" in problems(results, "prints-without-end")["log"]


@pytest.mark.thorough
def test_unresponsive_servers_killed(worst: tuple[Results, str, int]) -> None:
    results, _, _ = worst
    (stopped,) = (e for e in results.events if e.kind == "deployment_stopped" and e.deployment == "deaf")
    assert stopped.details["exit"] == "killed by SIGKILL"
    left = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARKER) == mark(results.layout.root):  # a name is a second: others may share it
                left.append(process.cmdline())
        except psutil.Error:
            continue
    assert left == []


def test_log_keeps_newest_half(tmp_path: Path) -> None:
    log = tmp_path / "1.log"
    server = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(server, b"first\n" + b"x" * 1000 + b"\nnewest line\n")
    assert not truncate_log(log, 2000)
    assert truncate_log(log, 1000)
    assert rotated_path(log).stat().st_size == 500
    assert tail(log, 1) == ["newest line"]
    os.write(server, b"and on\n")
    os.close(server)
    assert log.read_bytes() == b"and on\n"
    assert tail(log, 2) == ["newest line", "and on"]
    assert not truncate_log(tmp_path / "none", 1)
