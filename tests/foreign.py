"""Programs and containers that somebody else has started, and campaigns that watch them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import unused_port, wait_for

LEAKY = """
import time
kept, begun, count = [], time.monotonic(), 0
while True:
    kept.append(bytearray(64 * 1024))
    count += 1
    time.sleep(max(begun + count * 0.02 - time.monotonic(), 0))
"""
LEAK_PER_HOUR = 64 * 1024 * 50 * 3600
IDLE = "import time\nwhile True: time.sleep(1)\n"
PARENT = "import os, time\nos.fork()\nwhile True: time.sleep(1)\n"
WATCH = """
name = "watch"
seed = 1
duration = "{seconds}s"
load.kind = "none"
sampling.process = "200ms"
analysis.grid = "200ms"
"""
LOAD = """
name = "load"
seed = 1
duration = "4s"
load.arrivals = {{ kind = "poisson", rate = 20.0 }}
load.prompt_tokens = {{ median = 8, p95 = 16, min = 2, max = 32 }}
load.output_tokens = {{ median = 4, p95 = 8, min = 1, max = 16 }}
sampling.process = "200ms"
"""


Program = Callable[..., subprocess.Popen[bytes]]


@contextlib.contextmanager
def programs(folder: Path) -> Iterator[Program]:
    """Starts Python programs, each under a name of its own, ``start(code, name)``; ends them all."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(code: str, name: str) -> subprocess.Popen[bytes]:
        script = folder / f"{name}.py"
        script.write_text(code)
        started.append(subprocess.Popen([sys.executable, str(script)], start_new_session=True))
        wait_for(lambda: str(script) in psutil.Process(started[-1].pid).cmdline(), "not started")
        return started[-1]

    try:
        yield begin
    finally:
        for process in started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def written(folder: Path, head: str, *deployments: str, seconds: float = 5) -> Path:
    """A campaign file of these deployments."""
    path = folder / "campaign.toml"
    path.write_text(head.format(seconds=seconds) + "".join(f"\n[[deployment]]\n{table}\n" for table in deployments))
    return path


def with_docker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a stand-in for docker on the PATH; returns the folder where its containers are."""
    (folder / "bin").mkdir()
    (folder / "containers").mkdir()
    program = folder / "bin" / "docker"
    standin = Path(__file__).with_name("docker_standin.py")
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {standin} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STANDIN_CONTAINERS", str(folder / "containers"))
    return folder / "containers"


def contained(image: str = "server:1") -> str:
    port = unused_port()
    server = [
        sys.executable,
        "-m",
        "aging.deployments.reference_server",
        "--port",
        "{port}",
        "--leak-bytes-per-request",
        "4096",
    ]
    return (
        f'name = "boxed"\nkind = "container"\nport = {port}\ncontainer_port = {port}\nimage = "{image}"\n'
        f'arguments = {json.dumps(server)}\nmetrics = "/metrics"\nenv = {{ COLOUR = "red" }}'
    )
