"""`aging run --detach` waits for its runner for so long, and no longer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from aging.app.detach import follow_start
from aging.core.errors import InconclusiveError
from aging.store.layout import Layout
from aging.store.lock import Lock


def child(layout: Layout, program: str, *arguments: str) -> subprocess.Popen[bytes]:
    with layout.runner_log.open("ab") as log:
        return subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=log, stderr=log)


def refusal(layout: Layout, process: subprocess.Popen[bytes], seconds: float) -> str:
    with pytest.raises(InconclusiveError) as caught:
        follow_start(layout, process, seconds)
    assert process.poll() is not None, "it is not left to begin later"
    return str(caught.value)


def test_start_timeout_kills_runner(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    ready = tmp_path / "printed"
    program = "import pathlib, sys, time; print('still importing', flush=True); pathlib.Path(sys.argv[1]).touch()"
    process = child(layout, f"{program}; time.sleep(3600)", str(ready))
    while not ready.exists():
        assert process.poll() is None
    message = refusal(layout, process, 0.2)
    assert "0.2 s" in message
    assert "still importing" in message


def test_runner_exits_at_once(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    message = refusal(layout, child(layout, "import sys; sys.exit('no luck')"), 60.0)
    assert "exit 1" in message
    assert "no luck" in message


def test_runner_takes_lock(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    program = (
        "import sys, pathlib; from aging.store.lock import Lock; lock = Lock.take(pathlib.Path(sys.argv[1]), 'runner');"
        "sys.stdin.read()"
    )
    with layout.runner_log.open("ab") as log:
        argv: Sequence[str] = [sys.executable, "-c", program, str(tmp_path)]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=log, stderr=log)
    follow_start(layout, process, 60.0)
    assert process.poll() is None
    process.communicate()
    Lock.take(tmp_path, "runner").close()
