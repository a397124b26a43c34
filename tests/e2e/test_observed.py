"""Real observations: of a tree whose worker leaks and which then dies, and of a server that a script restarts."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from aging.core.metrics import PRIMARY
from aging.report.observation import Observation
from tests.conftest import wait_for
from tests.e2e.processes import Started
from tests.foreign import IDLE, Program, programs

WORKERS = """
import os, socket, time
listening = socket.create_server(("127.0.0.1", 0))
leaking = []
for number in range(3):
    if os.fork() == 0:
        kept, begun, count = [], time.monotonic(), 0
        while os.getppid() != 1:
            count += 1
            if number == 1:
                kept.append(bytearray(64 * 1024))
            time.sleep(max(begun + count * 0.02 - time.monotonic(), 0))
        os._exit(0)
    time.sleep(0.05)
while True:
    time.sleep(1)
"""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    with programs(tmp_path) as begin:
        yield begin


def test_leaking_worker_of_a_tree_that_dies(tmp_path: Path, program: Program) -> None:
    server = program(WORKERS, "preforked")
    wait_for(lambda: len(psutil.Process(server.pid).children()) == 3, "no workers")
    leaking = sorted(psutil.Process(server.pid).children(), key=lambda child: (child.create_time(), child.pid))[1].pid
    arguments = ("--pid", str(server.pid), "--load-start", "now", "--fail", "--json", "--label", "My server")
    with Started.of(tmp_path, "observe", *arguments, "--for", "10m") as observed:
        observed.until_samples("my-server", 28)
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        code = observed.ended()
        output, results = observed.output(), observed.results
    assert code == 1, output
    printed = json.loads(output[output.index("\n{") :])
    assert (printed["exit_code"], printed["outcome"]) == (1, "died")
    assert printed["conditions"][0]["outcome"] == "failed"
    assert printed["died"]["generation"] == 1
    assert printed["observed"]["pid"] == server.pid
    assert len(printed["observed"]["ports"]) == 1
    assert "preforked.py" in printed["observed"]["command"]
    assert printed["title"].startswith("My server: ")
    (memory,) = (one for one in printed["findings"] if (one["deployment"], one["indicator"]) == ("my-server", PRIMARY))
    (places,) = memory["places"]
    first = places["processes"][0]
    assert (first["pid"], places["named"]) == (leaking, first["label"])
    assert "preforked.py" in first["command"]
    assert first["grows_since"] is not None
    assert str(leaking) in results.layout.report.read_text()
    assert results.observed["my-server"]["pid"] == server.pid


@pytest.mark.slow
def test_supervisor_restarts(tmp_path: Path) -> None:
    script = tmp_path / "restarted-server.py"
    script.write_text(IDLE)
    loop = tmp_path / "restarted-server.sh"
    loop.write_text(f"while true; do {sys.executable} {script}; done\n")
    with subprocess.Popen(["bash", str(loop)], start_new_session=True) as supervisor:
        try:
            children = psutil.Process(supervisor.pid).children
            wait_for(lambda: bool(children()) and script.name in " ".join(children()[0].cmdline()), "not started")
            first = children()[0].pid
            pattern = re.escape(str(tmp_path / "restarted-server"))
            with Started.of(tmp_path, "observe", "--name", pattern, "--for", "60s", "--load-start", "now") as observed:
                observed.until_samples("restarted-server", 3)
                os.kill(first, signal.SIGKILL)
                observed.until_event("deployment_ready", 2)
                code = observed.ended()
                output, results = observed.output(), observed.results
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(supervisor.pid, signal.SIGKILL)
    assert code == 0, output
    seen = Observation.of(results)
    assert seen.observed["pid"] == first
    (restart,) = seen.restarts
    assert restart.pid not in (None, first, supervisor.pid)
    assert seen.died is None
    assert sorted(set(results.samples(seen.name, "process")["generation"])) == [1, 2]
