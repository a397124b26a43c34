"""Child processes: start, output, end of the whole tree."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread, current_thread, main_thread

import psutil
import pytest

from aging.core.errors import DeploymentError, require
from aging.core.processes import child
from aging.core.processes.child import MARKER, AdoptedProcess, Child, describe_exit
from aging.core.processes.logs import tail
from aging.core.processes.ownership import GENERATION_MARKER, identity
from aging.core.processes.stopping import MAIN_SIGTERM, MAIN_THEN_GROUP, StopStep
from tests.conftest import wait_for


async def start(tmp_path: Path, *argv: str) -> Child:
    with (tmp_path / "log").open("ab") as log:
        return await Child.start(argv, {"EXTRA": "1"}, tmp_path, log)


async def something_logged(path: Path) -> None:
    while not tail(path):  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(0.02)


def test_log_and_environment(tmp_path: Path) -> None:
    async def run() -> int:
        child = await start(tmp_path, "sh", "-c", f'echo "$EXTRA ${MARKER}"; exit 3')
        return await child.wait()

    assert asyncio.run(run()) == 3
    assert tail(tmp_path / "log") == [f"1 {tmp_path}"]


def test_terminate_ends_whole_tree(tmp_path: Path) -> None:
    deaf = "trap '' TERM; (trap '' TERM; sleep 60) & setsid sleep 60 & echo up; wait; sleep 60"

    async def run() -> tuple[list[int], float, int | None]:
        child = await start(tmp_path, "sh", "-c", deaf)
        await something_logged(tmp_path / "log")
        leader = psutil.Process(child.pid)
        while len(family := [member.pid for member in leader.children(recursive=True)]) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        began = time.monotonic()
        await child.terminate(patience=0.3)
        return [child.pid, *family], time.monotonic() - began, child.exit_status

    pids, seconds, status = asyncio.run(run())
    assert seconds >= 0.3
    assert status == -signal.SIGKILL
    wait_for(lambda: not any(_runs(pid) for pid in pids), "a member of the tree survived")


def test_terminate_by_sigterm(tmp_path: Path) -> None:
    async def run() -> int | None:
        child = await start(tmp_path, sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()")
        await something_logged(tmp_path / "log")
        await child.terminate(patience=60.0)
        return child.exit_status

    assert asyncio.run(run()) == -signal.SIGTERM


def test_missing_program(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="there-is-no-such-program cannot be run: No such file or directory"):
        asyncio.run(start(tmp_path, "there-is-no-such-program"))


def test_adopted_process(tmp_path: Path) -> None:
    server = subprocess.Popen(["sh", "-c", "sleep 60 & wait"], start_new_session=True)
    wait_for(lambda: bool(psutil.Process(server.pid).children()), "no child")
    family = [server.pid, *(child.pid for child in psutil.Process(server.pid).children())]
    known = identity(server.pid)
    assert known is not None
    reaper = Thread(target=server.wait)
    reaper.start()

    async def run() -> int | None:
        adopted = AdoptedProcess(known, None)
        assert not adopted.ended
        await adopted.terminate(patience=60.0)
        assert adopted.ended
        return adopted.exit_status

    assert asyncio.run(run()) is None
    reaper.join()
    assert server.returncode == -signal.SIGTERM
    wait_for(lambda: not any(_runs(pid) for pid in family), "a member of the group survived")


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0, "exit 0"),
        (3, "exit 3"),
        (-9, "killed by SIGKILL"),
        (None, "exited (status unknown: it was started by an earlier runner)"),
    ],
)
def test_describe_exit(status: int | None, text: str) -> None:
    assert describe_exit(status) == text


def test_tail(tmp_path: Path) -> None:
    assert tail(tmp_path / "none") == []
    (tmp_path / "log").write_bytes(b"x" * 10_000 + b"\nlast \xff line\n")
    assert tail(tmp_path / "log", 1) == ["last � line"]


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_process_scan_in_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[Thread] = []

    def search(*_: object) -> list[psutil.Process]:
        searched.append(current_thread())
        return []

    monkeypatch.setattr(child, "marked_processes", search)
    monkeypatch.setattr(Child, "_family", search)

    async def run() -> None:
        child = await start(tmp_path, "sleep", "60")
        await child.terminate(patience=5.0)

    asyncio.run(run())
    assert len(searched) == 2
    assert main_thread() not in searched, "a scan in the event loop would delay samples"


def test_terminate_ends_marked_process(tmp_path: Path) -> None:
    async def run() -> int:
        with (tmp_path / "log").open("ab") as log:
            leaves = ["sh", "-c", "(setsid sleep 60 & echo $!)"]
            child = await Child.start(leaves, {GENERATION_MARKER: "this-generation"}, tmp_path, log)
        await child.wait()
        await child.terminate(patience=5.0)
        return int(tail(tmp_path / "log")[0])

    pid = asyncio.run(run())
    wait_for(lambda: not _runs(pid), "a process outside the tree survived")


TREE = """
import os, signal, sys, time

def told(name):
    def handler(*_):
        os.write(1, f"{name}\\n".encode())
        if name in sys.argv:  # it drains: nothing more happens until it is asked otherwise
            return
        os._exit(7)
    return handler

if os.fork() == 0:
    signal.signal(signal.SIGTERM, told("worker"))
    os.write(1, b"up\\n")
    while True:
        time.sleep(60)
signal.signal(signal.SIGTERM, told("main"))
signal.signal(signal.SIGINT, told("main-int"))
os.write(1, b"up\\n")
while True:
    time.sleep(60)
"""


async def server_with_worker(tmp_path: Path, *deaf: str) -> Child:
    started = await start(tmp_path, sys.executable, "-c", TREE, *deaf)
    while tail(tmp_path / "log").count("up") < 2:  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(0.02)
    return started


def test_ladder_signals_main_alone(tmp_path: Path) -> None:
    async def run() -> int | None:
        server = await server_with_worker(tmp_path)
        await server.terminate(0.5, MAIN_SIGTERM)
        return server.exit_status

    assert asyncio.run(run()) == 7
    assert tail(tmp_path / "log") == ["up", "up", "main"], "the worker was signalled, too"


def test_ladder_goes_on_to_next_step(tmp_path: Path) -> None:
    steps = (StopStep(to="main", share=0.1), StopStep(share=0.1), StopStep(signal.SIGINT, to="main", share=0.8))

    async def run() -> tuple[int | None, float]:
        server = await server_with_worker(tmp_path, "main", "worker")
        began = time.monotonic()
        await server.terminate(4.0, steps)
        return server.exit_status, time.monotonic() - began

    status, seconds = asyncio.run(run())
    assert status == 7
    assert seconds >= 0.8, "a step did not wait its share"
    log = tail(tmp_path / "log")[2:]
    assert (log[0], log[-1]) == ("main", "main-int")
    assert sorted(log) == ["main", "main", "main-int", "worker"]


def test_ladder_ends_with_sigkill(tmp_path: Path) -> None:
    async def run() -> int | None:
        server = await server_with_worker(tmp_path, "main", "worker")
        await server.terminate(0.4, MAIN_THEN_GROUP)
        return server.exit_status

    assert asyncio.run(run()) == -signal.SIGKILL
    assert sorted(tail(tmp_path / "log")[2:]) == ["main", "main", "worker"]


def test_adopted_process_follows_ladder(tmp_path: Path) -> None:
    async def run() -> int | None:
        server = await server_with_worker(tmp_path)
        adopted = AdoptedProcess(require(identity(server.pid), "it runs"), None)
        await adopted.terminate(60.0, MAIN_SIGTERM)
        return await server.wait()

    assert asyncio.run(run()) == 7
    assert tail(tmp_path / "log") == ["up", "up", "main"]


CLEANER = """
import os, signal, time

if os.fork() == 0:
    leader = os.getppid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.write(1, b"up\\n")
    while os.getppid() == leader:
        time.sleep(0.01)
    time.sleep(0.1)  # like a resource tracker, which unlinks what the leader has left
    os.write(1, b"cleaned\\n")
    os._exit(0)
time.sleep(60)
"""


def test_group_of_ended_leader_may_clean_up(tmp_path: Path) -> None:
    async def run() -> None:
        server = await start(tmp_path, sys.executable, "-c", CLEANER)
        await something_logged(tmp_path / "log")
        await server.terminate(patience=60.0)

    asyncio.run(run())
    assert tail(tmp_path / "log") == ["up", "cleaned"]
