"""Workers that leave the tree of their server are found; processes with a reused pid are not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from aging.core.processes.child import GENERATION_MARKER, marked_processes
from aging.core.processes.tree import Membership, Processes
from aging.core.targets import Target
from tests.conftest import wait_for

# Starts a worker by way of a short-lived process, as a daemon would: nobody's child when it runs.
DAEMON = """
import os, subprocess, sys, time
between = os.fork()
if between == 0:
    if sys.argv[1] == "setsid":
        os.setsid()
    if os.fork() == 0:
        open(sys.argv[2] + ".new", "w").write(str(os.getpid()))
        os.rename(sys.argv[2] + ".new", sys.argv[2])
        time.sleep(60)
    os._exit(0)
os.waitpid(between, 0)
time.sleep(60)
"""

Server = Callable[..., tuple[int, int]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Start a server whose worker is reparented to init; return both pids."""
    pids: list[int] = []
    started: list[subprocess.Popen[bytes]] = []

    def start(how: str, **environment: str) -> tuple[int, int]:
        pid_file = tmp_path / "pid"
        argv = [sys.executable, "-c", DAEMON, how, str(pid_file)]
        started.append(subprocess.Popen(argv, start_new_session=True, env=os.environ | environment))
        wait_for(pid_file.exists, "no worker")
        pids.append(int(pid_file.read_text()))
        wait_for(lambda: psutil.Process(pids[-1]).ppid() != started[-1].pid, "still a descendant")
        time.sleep(0.05)
        return started[-1].pid, pids[-1]

    yield start
    for pid in pids:
        psutil.Process(pid).kill()
    for process in started:
        process.kill()
        process.wait()


def target(root: int, mark: str | None = None) -> Target:
    return Target("x", "tree", 1, (root,), mark=mark)


def test_session_member_is_found(server: Server) -> None:
    root, worker = server("stay")
    assert Membership().of([target(root)]) == [(root, worker)]


def test_marked_process_is_found(server: Server) -> None:
    root, worker = server("setsid", **{GENERATION_MARKER: "/results/x/1.log"})
    membership = Membership()
    for _ in range(3):
        assert membership.of([target(root, "/results/x/1.log")]) == [(root, worker)]
    assert Membership().of([target(root, "/results/x/2.log")]) == [(root,)], "another generation"
    assert Membership().of([target(root)]) == [(root,)]
    assert {process.pid for process in marked_processes("/results/x/1.log")} == {root, worker}


def test_reparented_member_is_remembered() -> None:
    seen = Processes({10: 1, 11: 10, 12: 11}, {10: 5, 11: 5, 12: 12}, {10: 100, 11: 101, 12: 102})
    cut_off = Processes({10: 1, 12: 1}, {10: 5, 12: 12}, {10: 100, 12: 102})
    reused = Processes({10: 1, 12: 1}, {10: 5, 12: 12}, {10: 100, 12: 999})
    looks = iter([seen, cut_off, cut_off, reused])
    membership = Membership(lambda: next(looks))
    assert membership.of([target(10)]) == [(10, 11, 12)]
    assert membership.of([target(10)]) == [(10, 12)]
    assert membership.of([target(10)]) == [(10, 12)]
    assert membership.of([target(10)]) == [(10,)], "a stranger has the pid now"


def test_harness_requires_no_scan() -> None:
    own = Target("_harness", "runner", 1, (os.getpid(),), with_descendants=False)
    assert Membership(lambda: pytest.fail("looked")).of([own]) == [(os.getpid(),)]
