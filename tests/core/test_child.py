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

from aging.core.errors import DeploymentError
from aging.core.processes import child
from aging.core.processes.child import MARKER, AdoptedProcess, Child, describe_exit
from aging.core.processes.logs import tail
from aging.core.processes.ownership import GENERATION_MARKER, identity
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
