"""Child processes: their groups, their ends, and that they do not outlive the harness."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from aging.logs import tail
from aging.process import MARKER, Child, describe_exit
from tests.conftest import wait_for


async def start(tmp_path: Path, *argv: str) -> Child:
    with (tmp_path / "log").open("ab") as log:
        return await Child.start(argv, {"EXTRA": "1"}, tmp_path, log)


async def something_logged(path: Path) -> None:
    while not tail(path):  # noqa: ASYNC110 - another process writes it
        await asyncio.sleep(0.02)


def test_output_goes_to_the_log_and_the_environment_is_marked(tmp_path: Path) -> None:
    async def run() -> int:
        child = await start(tmp_path, "sh", "-c", f'echo "$EXTRA ${MARKER}"; exit 3')
        return await child.wait()

    assert asyncio.run(run()) == 3
    assert tail(tmp_path / "log") == [f"1 {tmp_path}"]


def test_terminate_ends_the_whole_tree_however_deaf(tmp_path: Path) -> None:
    deaf = "trap '' TERM; (trap '' TERM; sleep 60) & setsid sleep 60 & echo up; wait; sleep 60"

    async def run() -> tuple[list[int], float, int | None]:
        child = await start(tmp_path, "sh", "-c", deaf)
        await something_logged(tmp_path / "log")
        await asyncio.sleep(0.1)
        family = [member.pid for member in psutil.Process(child.pid).children(recursive=True)]
        began = time.monotonic()
        await child.terminate(patience=0.3)
        return [child.pid, *family], time.monotonic() - began, child.exit_status

    pids, seconds, status = asyncio.run(run())
    assert len(pids) >= 3
    assert 0.3 <= seconds < 3.0
    assert status == -signal.SIGKILL
    wait_for(lambda: not any(_runs(pid) for pid in pids), "a member of the tree survived")


def test_a_child_that_obeys_is_not_killed(tmp_path: Path) -> None:
    async def run() -> int | None:
        child = await start(tmp_path, sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()")
        await something_logged(tmp_path / "log")
        await child.terminate(patience=5.0)
        return child.exit_status

    assert asyncio.run(run()) == -signal.SIGTERM


def test_a_child_does_not_outlive_a_harness_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom aging.process import Child\n"
        "async def run():\n"
        "    child = await Child.start(['sleep', '60'], {}, Path(sys.argv[1]), open(sys.argv[1] + '/log', 'ab'))\n"
        "    print(child.pid, flush=True)\n"
        "    await child.wait()\n"
        "asyncio.run(run())\n"
    )
    harness = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert harness.stdout is not None
    pid = int(harness.stdout.readline())
    wait_for(lambda: psutil.Process(pid).name() == "sleep", "the program was not reached")
    os.kill(harness.pid, signal.SIGKILL)
    harness.wait()
    harness.stdout.close()
    wait_for(lambda: not _runs(pid), "the child outlived its harness")


@pytest.mark.parametrize(("status", "text"), [(0, "exit 0"), (3, "exit 3"), (-9, "killed by SIGKILL")])
def test_exits_are_described(status: int, text: str) -> None:
    assert describe_exit(status) == text


def test_a_log_that_is_not_there_has_no_tail(tmp_path: Path) -> None:
    assert tail(tmp_path / "none") == []
    (tmp_path / "log").write_bytes(b"x" * 10_000 + b"\nlast \xff line\n")
    assert tail(tmp_path / "log", 1) == ["last � line"]


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
