"""A server that the campaign did not start, restarted by the user's command under the campaign's load."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.conftest import unused_port
from tests.e2e.processes import Started

_CAMPAIGN = """
schema = 1
name = "small"
seed = 7
duration = "10m"
[load]
arrivals = {{ kind = "poisson", rate = 20.0 }}
prompt_tokens = {{ median = 8, p95 = 16, min = 2, max = 32 }}
output_tokens = {{ median = 12, p95 = 16, min = 8, max = 16 }}
timeout = "20s"
drain = "20s"
[sampling]
process = "200ms"
[[rejuvenation]]
policy = "periodic"
every = "4s"
action = "external"
command = ["{python}", "{hook}"]
[[deployment]]
name = "theirs"
kind = "attach"
process = "reference_server --port {port} "
url = "http://127.0.0.1:{port}"
"""

_HOOK = """
import os, pathlib, signal, subprocess, sys, time
import psutil
import pytest
assert os.environ["AGING_DEPLOYMENT"] == "theirs" and os.environ["AGING_ACTION"] == "external"
old = psutil.Process(int(os.environ["AGING_PID"]))
command = old.cmdline()
old.terminate()
while old.is_running() and old.status() != psutil.STATUS_ZOMBIE:
    time.sleep(0.05)
new = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
pids = pathlib.Path(sys.argv[0]).with_name("pids")
pids.write_text(pids.read_text() + f"{new.pid}\\n")
"""


@pytest.mark.slow
def test_the_hook_restarts_it_and_no_request_is_lost(tmp_path: Path) -> None:
    port, hook, pids = unused_port(), tmp_path / "hook.py", tmp_path / "pids"
    hook.write_text(_HOOK)
    file = tmp_path / "small.toml"
    file.write_text(_CAMPAIGN.format(python=sys.executable, hook=hook, port=port))
    argv = [sys.executable, "-m", "aging.deployments.reference_server", "--port", str(port), "--token-seconds", "0.05"]
    server = subprocess.Popen(argv, stdout=subprocess.PIPE, start_new_session=True)
    assert server.stdout is not None
    server.stdout.readline()
    pids.write_text(f"{server.pid}\n")
    try:
        with Started.of(tmp_path, "run", file) as started:
            started.until_event("rejuvenation_completed", 2)
            started.runner.send_signal(signal.SIGINT)
            assert started.ended() == 130, started.output()
            results = started.results
        known = [int(pid) for pid in pids.read_text().split()]
        assert psutil.pid_exists(known[-1]), "an attached server goes on"
    finally:
        for pid in map(int, pids.read_text().split()):
            if psutil.pid_exists(pid):
                os.kill(pid, signal.SIGKILL)
        server.communicate()
    requests = results.requests("theirs")
    assert (requests["status"] == "ok").all(), requests["error"].dropna().unique()
    assert requests["held"].any()
    assert requests["generation"].nunique() >= 2
    kinds = [event.kind for event in results.events]
    assert "deployment_died" not in kinds, "an end that was asked for is no death"
    started_pids = [event.details["pid"] for event in results.events if event.kind == "deployment_started"]
    assert started_pids == known[: len(started_pids)]
