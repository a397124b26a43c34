"""Where a guard reads its server: its metrics, a control group; what is refused at the start."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.conftest import Aging
from tests.guard.live import GuardProcess, Server
from tests.guard.test_daemon import QUICK, Begin, begin, running, server  # noqa: F401 - fixtures

_GROUPS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory"))
_MOST_RESIDENT = 64e6


@pytest.fixture
def group(server: Server) -> Iterator[Path]:  # noqa: F811
    """A control group with the server in it."""
    made = None
    for root in _GROUPS:
        folder = root / f"aging-test-{os.getpid()}"
        with contextlib.suppress(OSError):
            folder.mkdir()
            (folder / "cgroup.procs").write_text(str(server.pid))
            made = folder
            break
    if made is None:
        pytest.skip("control groups are not writable here")
    yield made
    server.stop()
    for _ in range(50):
        with contextlib.suppress(OSError):
            made.rmdir()
            break
        time.sleep(0.1)


@pytest.mark.slow
def test_a_control_group_is_followed_into_the_next_life(begin: Begin, server: Server, group: Path) -> None:  # noqa: F811
    move = f"; echo $(cat {server.pid_file}) > {group}/cgroup.procs"
    guard = begin(
        *("--cgroup", f"/{group.name}", "--policy", "threshold", "--set", "above=1", "--set", "window=500ms"),
        *(*QUICK, "--set", "budget=1", "--action", f"sh -c '{server.restart}{move}'"),
    )
    first = server.pid
    guard.until(lambda one: one.rows("completed"))
    found = guard.state.server
    assert found is not None
    assert found.pid == server.pid != first


@pytest.mark.slow
def test_the_metrics_of_the_server_decide(begin: Begin, tmp_path: Path, free_port: Callable[[], int]) -> None:  # noqa: F811
    """Requests in flight, which only the metrics show; and what the guard takes to read them."""
    server = Server(tmp_path, free_port(), ("--token-seconds", "0.05"))  # noqa: F811
    server.start()
    url = f"http://127.0.0.1:{server.port}"
    table = ("--policy", "threshold", "--set", "indicator=engine_requests_running", "--set", "above=0.5")
    guard = begin(
        *("--name", server.pattern, "--metrics", f"{url}/metrics", "--set", "window=500ms", *table, *QUICK),
        *("--set", "budget=1", "--action", server.restart),
    )
    guard.until(running)
    assert psutil.Process(guard.process.pid).memory_info().rss < _MOST_RESIDENT
    body = {"model": "m", "prompt": "x", "max_tokens": 4000, "stream": True}
    try:
        with (
            contextlib.suppress(httpx.HTTPError),
            httpx.stream("POST", f"{url}/v1/completions", json=body, timeout=60, trust_env=False),
        ):
            guard.until(lambda one: one.rows("started"))
        assert "engine_requests_running" in guard.rows("decided")[0]["reason"]
        guard.until(lambda one: one.rows("completed"))
    finally:
        server.stop()


def test_several_processes_are_refused(
    server: Server,  # noqa: F811
    cli: Aging,
    tmp_path: Path,
    free_port: Callable[[], int],
) -> None:
    other = Server(tmp_path, free_port())
    other.start()
    try:
        pattern = f"reference_server --port ({server.port}|{other.port})"
        ran = cli("guard", "--name", pattern, "--state", tmp_path / "state", "--listen", "none")
    finally:
        other.stop()
    assert ran.returncode == 2
    assert str(server.pid) in ran.stderr
    assert str(other.pid if other.pid_file.exists() else other.port) in ran.stderr


@pytest.mark.slow
def test_the_state_of_another_server_is_refused(begin: Begin, server: Server, cli: Aging) -> None:  # noqa: F811
    guard = begin("--name", server.pattern, *QUICK[:2])
    guard.until(running)
    assert guard.stop() == 0
    ran = cli("guard", "--name", "another", "--state", guard.folder, "--listen", "none")
    assert ran.returncode == 2
    assert server.pattern in ran.stderr


def test_an_action_that_cannot_be_run_is_refused(cli: Aging, tmp_path: Path) -> None:
    options = ("--name", "x", "--policy", "periodic", "--set", "every=1h", "--action", "no-such-program x")
    ran = cli("guard", *options, "--state", tmp_path / "state", "--listen", "none")
    assert ran.returncode == 2
    assert "'no-such-program'" in ran.stderr


@pytest.mark.slow
def test_the_budget_outlives_a_damaged_state(begin: Begin, server: Server) -> None:  # noqa: F811
    options = ("--name", server.pattern, "--policy", "periodic", "--set", "every=1s", *QUICK, "--set", "budget=1")

    def again() -> GuardProcess:
        return begin(*options, "--action", server.restart)

    guard = again()
    guard.until(lambda one: one.rows("completed"))
    guard.kill()
    (guard.folder / "state.json").write_text('{"a": 1}')
    guard = again()
    guard.until(lambda one: one.state.tally.decisions.get("budget"))
    assert len(guard.rows("started")) == 1
    assert (guard.folder / "state.damaged").exists()
