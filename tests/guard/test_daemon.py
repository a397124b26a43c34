"""Guards as processes: they act, are killed at any point and go on, and never two of them on one server."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from aging.guard.state import Server as Generation
from tests.conftest import Aging, wait_for
from tests.guard.live import PATIENCE, GuardProcess, Server, samples

QUICK = ("--interval", "200ms", "--settle", "0ms", "--return-within", "2m", "--set", "distance=1s")
THRESHOLD = ("--policy", "threshold", "--set", "above=1", "--set", "window=500ms")
"""Fires at once: every process holds more than a byte."""

ONCE = ("--set", "budget=1")
Begin = Callable[..., GuardProcess]


@pytest.fixture
def server(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Server]:
    one = Server(tmp_path, free_port())
    one.start()
    yield one
    one.stop()


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Starts a guard with these options; its state is in the folder ``state``."""
    begun: list[GuardProcess] = []

    def start(*options: object, state: str = "state", listen: str = "none", **more: object) -> GuardProcess:
        words = [*map(str, options), "--listen", listen]
        begun.append(GuardProcess(tmp_path / state, words, **more))  # type: ignore[arg-type]
        return begun[-1]

    yield start
    for one in begun:
        one.end()


def running(guard: GuardProcess) -> Generation | None:
    return guard.state.server if guard.state.level is not None else None


def test_it_restarts_and_exports(begin: Begin, server: Server, free_port: Callable[[], int]) -> None:
    first, port = server.pid, free_port()
    guard = begin(
        *("--name", server.pattern, "--limit", "8GiB", *THRESHOLD, *QUICK, *ONCE, "--action", server.restart),
        listen=f"127.0.0.1:{port}",
    )
    guard.until(lambda one: one.rows("completed") and one.state.pending is None)
    assert server.pid != first
    assert guard.state.last is not None
    answer = httpx.get(f"http://127.0.0.1:{port}/metrics")
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    found = {(name, *labels.values()): value for name, labels, value in samples(answer.text)}
    assert found["aging_guard_rejuvenations_total", guard.state.last.outcome] == 1
    assert found["aging_guard_generation",] == 2
    assert found["aging_guard_restarts_total",] == 0
    assert found["aging_guard_target_up",] == 1
    assert found["aging_guard_limit", "process_anon_swap_bytes"] == 8 * 2**30
    assert found["aging_guard_resident_memory_bytes",] > 2**20
    assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    assert httpx.get(f"http://127.0.0.1:{port}/x").status_code == 404
    assert httpx.post(f"http://127.0.0.1:{port}/metrics").status_code == 405
    assert guard.stop() == 0


@pytest.mark.thorough
def test_killed_while_the_hook_runs_that_then_restarts(begin: Begin, server: Server, tmp_path: Path) -> None:
    """The hook goes on without the guard; the next guard sees the new process and calls the action done."""
    gate = tmp_path / "gate"
    script = tmp_path / "restart.sh"
    script.write_text(f"touch {tmp_path}/begun\nwhile [ ! -e {gate} ]; do sleep 0.05; done\nexec {server.restart}\n")
    options = ("--name", server.pattern, *THRESHOLD, *QUICK, *ONCE, "--action", f"sh {script}")
    guard = begin(*options)
    guard.until(lambda _: (tmp_path / "begun").exists())
    guard.kill()
    first = server.pid
    gate.touch()
    wait_for(lambda: server.pid != first, "the hook has not restarted it")
    guard = begin(*options)
    guard.until(lambda one: one.state.pending is None and one.state.last)
    assert guard.state.last is not None
    assert guard.state.last.outcome != "failed"
    assert len(guard.state.past.begun) == 1
    assert guard.state.tally.restarts == 0
    guard.until(lambda one: one.state.tally.decisions.get("budget"))
    assert server.pid_file.exists()


@pytest.mark.slow
def test_killed_while_a_hook_runs_that_does_nothing(begin: Begin, server: Server) -> None:
    """No new process within the time: the action has failed, and the pause after a failure holds."""
    options = ["--name", server.pattern, *THRESHOLD, *QUICK, "--set", "action_timeout=2s", "--return-within", "1s"]
    options += ["--action", f"{sys.executable} -c 'import time; time.sleep(1.5)'"]
    guard = begin(*options)
    guard.until(lambda one: one.state.pending is not None and one.state.pending.stage == "acting")
    guard.kill()
    guard = begin(*options)
    guard.until(lambda one: one.state.last)
    assert guard.state.last is not None
    assert guard.state.last.outcome == "failed"
    guard.until(lambda one: one.state.past.failures == 1)
    guard.until(lambda one: one.state.tally.decisions.get("backoff"))
    assert len(guard.state.past.begun) == 1


@pytest.mark.slow
def test_killed_while_it_observes(begin: Begin, server: Server) -> None:
    guard = begin("--name", server.pattern, *QUICK[:2])
    before = guard.until(running)
    guard.kill()
    guard = begin("--name", server.pattern, *QUICK[:2])
    guard.until(lambda one: "still serves" in one.log)
    assert guard.state.server == before
    assert guard.state.tally.restarts == 0


@pytest.mark.thorough
@pytest.mark.parametrize("how", [pytest.param("pattern", marks=pytest.mark.slow), "pid"])
def test_a_second_guard_is_refused(begin: Begin, server: Server, cli: Aging, tmp_path: Path, how: str) -> None:
    guard = begin("--name", server.pattern, *QUICK[:2])
    guard.until(running)
    which = ["--name", server.pattern] if how == "pattern" else ["--pid", str(server.pid)]
    ran = cli("guard", *which, "--state", tmp_path / "other", "--listen", "none")
    assert ran.returncode == 2
    assert f"pid {guard.process.pid}" in ran.stderr
    ran = cli("guard", "--name", "quite another", "--state", guard.folder, "--listen", "none")
    assert ran.returncode == 2
    assert str(guard.process.pid) in ran.stderr


@pytest.mark.slow
def test_a_hook_that_hangs_is_killed_and_counted(begin: Begin, server: Server) -> None:
    guard = begin(
        *("--name", server.pattern, *THRESHOLD, *QUICK, "--set", "action_timeout=500ms"),
        *("--action", f"{sys.executable} -c 'import time; time.sleep(600)'"),
    )
    rows = guard.until(lambda one: one.rows("failed"))
    assert "0.5 s" in rows[0]["why"]
    guard.until(lambda one: one.state.past.failures == 1)
    assert guard.state.alarm is not None
    guard.stop()


@pytest.mark.slow
def test_a_server_that_does_not_come_back_is_an_alarm(
    begin: Begin, server: Server, free_port: Callable[[], int]
) -> None:
    port = free_port()
    guard = begin(
        *("--name", server.pattern, *THRESHOLD, *QUICK, "--return-within", "1s"),
        *("--action", f"kill {server.pid}"),
        listen=f"127.0.0.1:{port}",
    )
    rows = guard.until(lambda one: one.rows("failed"))
    assert "no new process" in rows[0]["why"]
    found = {name: value for name, _, value in samples(httpx.get(f"http://127.0.0.1:{port}/metrics").text)}
    assert found["aging_guard_alarm"] == 1
    assert found["aging_guard_target_up"] == 0
    server.start()  # an operator mends it
    guard.until(lambda one: one.state.server is not None and one.state.server.generation == 2)


@pytest.mark.slow
def test_the_action_is_not_the_server(begin: Begin, server: Server) -> None:
    """While the server is down only its own restart command matches the pattern."""
    slow = f"{sys.executable} -c 'import time; time.sleep(2)' reference_server --port {server.port}"
    guard = begin(
        *("--name", server.pattern, *THRESHOLD, *QUICK, *ONCE),
        *("--action", f'sh -c "kill {server.pid}; {slow}; exec {server.restart}"'),
    )
    guard.until(lambda one: one.rows("completed"))
    assert guard.state.server is not None
    assert (guard.state.server.generation, guard.state.server.pid) == (2, server.pid)


@pytest.mark.slow
def test_it_waits_for_a_server_that_is_not_there_yet(
    begin: Begin, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    server = Server(tmp_path, free_port())
    guard = begin("--name", server.pattern, *QUICK[:2])
    guard.until(lambda one: "Waiting for" in one.log)
    server.start()
    try:
        guard.until(running)
        assert guard.stop() == 0
    finally:
        server.stop()


def test_it_ends_with_a_pid(begin: Begin) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as target:
        guard = begin("--pid", target.pid, *QUICK[:2])
        guard.until(running)
        target.communicate(b"\n")
    assert guard.process.wait(PATIENCE) == 3


@pytest.mark.thorough
def test_systemd_hears_of_it(begin: Begin, server: Server, tmp_path: Path) -> None:
    import os

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(PATIENCE)
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "600000"}
        # A word comes by a third of the watchdog's time: two intervals would outlast the test.
        guard = begin("--name", server.pattern, "--interval", "10m", environment=environment)
        assert manager.recv(4096).startswith(b"READY=1\n")
        for _ in range(3):
            assert manager.recv(4096).startswith(b"WATCHDOG=1")
        assert guard.stop() == 0
