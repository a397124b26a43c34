"""A folder of a running process, and what becomes of it when the process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aging.app.allocation_sites import _clear
from aging.store.lock import Lock
from aging.store.own_folder import own_folder

HOLD = """
import signal
from aging.store.own_folder import own_folder
with own_folder("of-a-test", "run-") as folder:
    (folder / "file").write_text("x")
    print(folder, flush=True)
    signal.pause()
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "aging/of-a-test"


def held() -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def kill(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def test_removed_at_the_end(cache: Path) -> None:
    with own_folder("of-a-test", "run-") as folder:
        assert folder.is_relative_to(cache)
    assert not folder.exists()


def test_what_a_killed_process_left_is_removed_by_the_next() -> None:
    process, folder = held()
    try:
        with own_folder("of-a-test", "run-"):
            assert (folder / "file").exists(), "its process runs"
    finally:
        kill(process)
    assert folder.exists()
    with own_folder("of-a-test", "run-", clear=lambda _: False):
        assert folder.exists(), "it is not to be removed yet"
    with own_folder("of-a-test", "run-"):
        assert not folder.exists()


def test_servers_that_are_being_stopped_keep_their_folder(tmp_path: Path) -> None:
    root = tmp_path / "results/name/start"
    root.mkdir(parents=True)
    lock = Lock.take(root, "keeper")
    assert not _clear(tmp_path)
    lock.close()
    assert _clear(tmp_path)
