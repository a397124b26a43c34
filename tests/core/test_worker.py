"""A function in a fresh interpreter: its result, or a WorkerError; never an empty result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from aging.core.errors import ExitCode
from aging.core.worker import ReportedError, WorkerError, call
from tests.core import worker_functions as functions


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker finds the functions of these tests, which are not installed."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def failure(function: Callable[[Any], Any], argument: Any = None) -> WorkerError:
    with pytest.raises(WorkerError) as caught:
        asyncio.run(call(function, argument))
    return caught.value


def test_result_despite_output() -> None:
    assert asyncio.run(call(functions.doubled, [1, 2])) == [2, 4]


def test_modules_of_the_working_directory_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('not the standard library')\n")
    (tmp_path / "aging").mkdir()
    (tmp_path / "aging" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    assert asyncio.run(call(functions.doubled, [1, 2])) == [2, 4]


def test_exception() -> None:
    error = failure(functions.refused, "no such thing")
    assert error.status == 1
    assert error.lines[-1] == "ValueError: no such thing"
    assert 1 < len(error.lines) <= 5
    assert "refused failed (exit 1): ValueError: no such thing" in str(error)


def test_package_error() -> None:
    error = failure(functions.inconclusive, "too short\nby an hour")
    assert isinstance(error, ReportedError)
    assert str(error) == "too short\nby an hour"
    assert error.exit_code is ExitCode.INCONCLUSIVE
    assert (error.status, error.lines) == (3, ("too short", "by an hour"))


def test_shown_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(WorkerError) as caught:
        asyncio.run(call(functions.refused, "no such thing", shown=True))
    assert caught.value.lines == ()
    assert caught.value.exit_code is ExitCode.CRASHED
    assert "Traceback" in (shown := capfd.readouterr().err)
    assert "ValueError: no such thing" in shown


def test_ctrl_c_ignored() -> None:
    assert asyncio.run(call(functions.interrupted, None)) == "not interrupted"


def test_killed_worker() -> None:
    error = failure(functions.killed)
    assert (error.status, error.lines, error.how) == (-9, (), "killed by SIGKILL")


def test_exit_without_result() -> None:
    assert failure(functions.left).status == 0


def test_unstartable_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aging.core.worker.sys.executable", "/no/such/python")
    error = failure(functions.doubled, [1])
    assert error.status is None
    assert "No such file" in error.lines[0]


def test_cancel_ends_process(tmp_path: Path) -> None:
    started = tmp_path / "started"

    async def cancelled() -> int:
        task = asyncio.create_task(call(functions.endless, str(started)))
        async with asyncio.timeout(60):
            while not started.exists() or not started.read_text():  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return int(started.read_text())

    assert not psutil.pid_exists(asyncio.run(cancelled()))
