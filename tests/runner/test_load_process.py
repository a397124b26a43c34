"""The runner's side of a load process: whatever that prints, however late it is ready, and whenever Ctrl-C comes."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, cast

import pytest

from aging.core.processes.child import Child
from aging.load.heartbeat import Beat
from aging.runner import load_process
from aging.runner.load_process import LoadProcess
from aging.runner.run import ActiveRun, RunContext, _Load
from aging.store.events import Event

PULSE = {"event": "pulse", "waiting": 3, "quiet": 0.5, "late": 0.0}
FINISHED = {"event": "finished", "schedule_hash": "ab12", "requests": 7, "unwritten": 0}
STRAY = (
    b"a library greets you\n",
    b"\xff\xfe\n",
    b"[1, 2]\n",
    b"12\n",
    b'{"no": "event"}\n',
    b'{"event": "unheard of"}\n',
    b'{"event": "pulse", "waiting": "many"}\n',
    b'{"event": "finished"}\n',
    b'{"event": "resumed", "first": "x"}\n',
)


class Scripted:
    """Stands in for :class:`aging.core.processes.child.Child`: says what it is given, then ends, or is silent."""

    pid = 1

    def __init__(self, *lines: bytes | Exception | dict[str, Any], ends: bool = True) -> None:
        self._lines = [json.dumps(line).encode() + b"\n" if isinstance(line, dict) else line for line in lines]
        self._ends = ends
        self.ended = asyncio.Event()
        self.commands: list[str] = []

    async def read_line(self) -> bytes:
        if not self._lines:
            if not self._ends:
                await self.ended.wait()
            return b""
        line = self._lines.pop(0)
        if isinstance(line, Exception):
            raise line
        return line

    def write_line(self, line: str) -> None:
        self.commands.append(line)

    async def wait(self) -> int:
        return -15 if self.ended.is_set() else 0

    async def terminate(self, _: float) -> None:
        self.ended.set()


def listening(child: Scripted) -> LoadProcess:
    driver = LoadProcess(cast("Any", child))
    driver.begin(cast("Any", SimpleNamespace(to_json=lambda: "{}", load_start=0.0, duration=1e9)))
    return driver


def test_stray_lines_are_counted() -> None:
    async def run() -> LoadProcess:
        driver = listening(Scripted(*STRAY, ValueError("longer than the limit"), PULSE, *STRAY, FINISHED))
        assert await driver.wait() == 0
        return driver

    driver = asyncio.run(run())
    assert driver.finished == FINISHED
    assert driver.beat == Beat(3, 0.5, 0.0)
    assert driver.ignored == 2 * len(STRAY) + 1
    assert driver.first_ignored == "a library greets you"
    assert driver.failure is None


def test_stray_lines_are_no_sign_of_life() -> None:
    async def run() -> tuple[float | None, float | None]:
        driver = listening(Scripted(*STRAY))
        begun = driver.heard
        await driver.wait()
        return begun, driver.heard

    begun, heard = asyncio.run(run())
    assert heard == begun, "or its watchdog would never find it mute"


def test_listener_failure_ends_process() -> None:
    async def run() -> tuple[int, int | None, str | None]:
        child = Scripted({"event": "holding", "left": 0}, OSError("the pipe broke"), ends=False)
        driver = listening(child)
        hold = asyncio.create_task(driver.hold())
        status = await driver.wait()
        await hold
        return status, await driver.resumed(), driver.failure

    status, first, failure = asyncio.run(run())
    assert status == -15
    assert first is None
    assert failure is not None
    assert "the pipe broke" in failure


def test_answers_to_commands() -> None:
    async def run() -> list[str]:
        child = Scripted(
            {"event": "holding", "left": 3},
            {"event": "cut", "generation": 1, "requests": 3},
            {"event": "drained", "generation": 1},
            ends=False,
        )
        driver = LoadProcess(cast("Any", child))
        hold, cut = asyncio.create_task(driver.hold(30.0)), asyncio.create_task(driver.cut(1))
        await asyncio.sleep(0)
        driver.redirect("http://127.0.0.1:1", 2)
        driver.begin(cast("Any", SimpleNamespace(to_json=lambda: "{}", load_start=0.0, duration=1e9)))
        assert (await hold, await cut, await driver.drained(1)) == (3, 3, True)
        await driver.kill()
        await driver.wait()
        assert await driver.hold() == 0, "it has ended"
        assert await driver.drained(2)
        return child.commands

    assert asyncio.run(run()) == ["hold 30.0", "cut 1", "redirect http://127.0.0.1:1 2", "{}", "hold inf"]


def test_drain_deadline() -> None:
    async def run() -> bool:
        driver = listening(Scripted(ends=False))
        driver.redirect("http://127.0.0.1:1", 2)
        drained = await driver.drained(1, within=0.0)
        await driver.kill()
        await driver.wait()
        return drained

    assert not asyncio.run(run())


def started_as(monkeypatch: pytest.MonkeyPatch, child: Scripted) -> None:
    async def start(*_: object, **__: object) -> Scripted:
        return child

    monkeypatch.setattr(Child, "start", start)


def test_stray_lines_before_start(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> LoadProcess:
        started_as(monkeypatch, Scripted(*STRAY, {"event": "started"}, FINISHED))
        return await LoadProcess.start(Path(), cast("IO[bytes]", None))

    driver = asyncio.run(run())
    assert driver.ignored == len(STRAY)
    assert driver.heard is None, "it has no job"


def test_start_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_process, "_START_SECONDS", 0.05)

    async def run() -> tuple[LoadProcess, int]:
        started_as(monkeypatch, Scripted(ends=False))
        driver = await LoadProcess.start(Path(), cast("IO[bytes]", None))
        return driver, await driver.wait()

    driver, status = asyncio.run(run())
    assert status == -15
    assert driver.failure == "not ready within 0.05 s"


class Held:
    """A run whose load process is never ready."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.child = Scripted(ends=False)
        started_as(monkeypatch, self.child)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.interrupted = asyncio.Event()
        stage = SimpleNamespace(
            layout=SimpleNamespace(root=Path()),
            record_event=self._record_event,
            interrupted=self.interrupted,
            port=lambda _: None,
        )
        options = SimpleNamespace(name="a")
        deployment = SimpleNamespace(options=options, chooses_port=False, origin=lambda: None)
        run = SimpleNamespace(options=options, replica=1, load=None)
        self.running = ActiveRun(cast("Any", run), cast("Any", deployment), None, cast("RunContext", stage))

    def _record_event(self, event: Event) -> None:
        self.events.append((event.kind, event.details))


def test_interrupt_during_start(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> Held:
        held = Held(monkeypatch)
        preparing = asyncio.create_task(held.running.prepare(cast("IO[bytes]", None)))
        await asyncio.sleep(0)
        held.interrupted.set()
        async with asyncio.timeout(20.0):
            assert not await preparing
        return held

    held = asyncio.run(run())
    assert held.child.ended.is_set()
    assert held.running.load_process is None


def test_no_replacement_after_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> Held:
        held = Held(monkeypatch)
        driver = cast("Any", SimpleNamespace(finished=None, ignored=0, failure=None))
        held.running._load = _Load(driver, 0.0, resumed=False)
        monkeypatch.setattr(ActiveRun, "_drive", lambda *_: asyncio.sleep(0, result=False))
        monkeypatch.setattr(ActiveRun, "_may_continue", lambda one, _: not one._context.interrupted.is_set())
        following = asyncio.create_task(held.running.follow())
        await asyncio.sleep(0)
        held.interrupted.set()
        async with asyncio.timeout(20.0):
            await following
        return held

    held = asyncio.run(run())
    assert held.running.loads == 0


@pytest.mark.parametrize("failure", [None, "it was not ready for its job within 120 s"])
def test_end_of_load_events(monkeypatch: pytest.MonkeyPatch, failure: str | None) -> None:
    async def run() -> Held:
        held = Held(monkeypatch)
        finished = FINISHED | {"unwritten": 5, "dropped": 2}
        driver = listening(Scripted(*STRAY, *([finished] if failure is None else [])))
        driver.failure = failure
        await held.running._drive(_Load(driver, 0.0, resumed=False))
        return held

    (printed, ignored), (kind, details) = asyncio.run(run()).events
    assert (printed, ignored) == (
        "load_output_ignored",
        {"replica": 1, "lines": len(STRAY), "first": "a library greets you"},
    )
    if failure is None:
        assert (kind, details["unwritten"], details["dropped"]) == ("load_finished", 5, 2)
        assert "reason" not in details
    else:
        assert (kind, details["reason"]) == ("load_died", failure)


@pytest.mark.thorough
def test_library_output_goes_to_log(tmp_path: Path) -> None:
    noisy = """
import os, sys

class Noisy:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            print("numpy greets you", flush=True)
            os.write(1, b"so does its C\\n")

sys.meta_path.insert(0, Noisy())
"""
    (tmp_path / "sitecustomize.py").write_text(noisy)
    path = os.pathsep.join(part for part in (str(tmp_path), os.environ.get("PYTHONPATH")) if part)
    ran = subprocess.run(
        [sys.executable, "-m", "aging.load"],
        env=os.environ | {"PYTHONPATH": path},
        input="",
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert [json.loads(line) for line in ran.stdout.splitlines()] == [{"event": "started"}]
    assert "numpy greets you" in ran.stderr
    assert "so does its C" in ran.stderr
