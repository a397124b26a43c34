"""What is measured around an action, and what policies see of the clients."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aging.core.clock import Stamp
from aging.core.metrics import PRIMARY
from aging.load.heartbeat import Beat
from aging.rejuvenation.base import Lifetime
from aging.runner import levels as levels_module
from aging.runner.actions import room
from aging.runner.actions.room import too_little_room
from aging.runner.client_readings import ATTAINMENT, CLIENT_INDICATORS, FAILED, TTFT_P99, WAITING, Clients
from aging.runner.effect import Before, figures_of, outcome_of
from aging.runner.levels import DEVICE_LIMIT, DEVICE_MEMORY, Levels
from aging.runner.rejuvenation_history import history, lifetimes
from aging.runner.watchdogs.memory import Memory
from aging.store import events
from aging.store.state import OtherLife, fold

MIB = 2**20


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Monotonic time that the test sets: ``clock.now``."""
    clock = SimpleNamespace(now=100.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(levels_module, "time", clock)
    return clock


def test_levels_of_a_restart(clock: SimpleNamespace) -> None:
    levels = Levels(["process_fds"])
    for second in range(100):
        clock.now = 100.0 + second
        levels.see(1, {PRIMARY: 10.0 + second, "process_fds": 5.0, "other": 1.0})
    before = Before.of(1, 99.0, levels, ["process_fds"])
    assert before.levels == {PRIMARY: 107.0, "process_fds": 5.0}
    for second in range(20):
        clock.now = 205.0 + second
        levels.see(2, {PRIMARY: 11.0 + second, "process_fds": 3.0})
    figures = figures_of(before, levels, 2, 205.0)
    assert figures[f"{PRIMARY}_after"] == 13.0, "the first five readings"
    assert figures["freed_bytes"] == 107.0 - 13.0
    assert outcome_of(before, figures, None) == "helped"
    levels.forget(2)
    assert levels.at_start(1, PRIMARY) is None
    assert levels.at_start(2, PRIMARY) == 13.0


def test_levels_of_a_trim(clock: SimpleNamespace) -> None:
    levels = Levels()
    for second in range(60):
        clock.now = 100.0 + second
        levels.see(1, {PRIMARY: 80.0 if second < 50 else 50.0})
    before = Before(1, 50.0, {PRIMARY: 80.0}, [PRIMARY])
    figures = figures_of(before, levels, 1, 150.0)
    assert figures == {f"{PRIMARY}_before": 80.0, f"{PRIMARY}_after": 50.0, "freed_bytes": 30.0}


@pytest.mark.parametrize(
    ("judged", "after", "earlier_age", "outcome"),
    [
        ([PRIMARY], 50.0, None, "helped"),
        ([PRIMARY], 99.0, None, "unhelpful"),
        ([PRIMARY], None, None, "helped"),
        ([PRIMARY], 50.0, 300.0, "unhelpful"),
        ([PRIMARY], 50.0, 150.0, "helped"),
        ([], 100.0, 300.0, "helped"),
    ],
)
def test_outcome(judged: list[str], after: float | None, earlier_age: float | None, outcome: str) -> None:
    before = Before(2, 100.0, {PRIMARY: 100.0}, judged)
    earlier = None if earlier_age is None else Before(1, earlier_age, {}, judged)
    assert outcome_of(before, {} if after is None else {f"{PRIMARY}_after": after}, earlier) == outcome


@pytest.mark.parametrize(
    ("available", "device_limit", "fits"),
    [(200 * MIB, 300 * MIB, True), (105 * MIB, 300 * MIB, False), (200 * MIB, 200 * MIB, False)],
)
def test_room_for_two(
    monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace, available: int, device_limit: float, fits: bool
) -> None:
    del clock
    levels = Levels()
    levels.see(3, {PRIMARY: 100.0 * MIB, DEVICE_MEMORY: 100.0 * MIB, DEVICE_LIMIT: device_limit})
    monkeypatch.setattr(Memory, "now", lambda: Memory(available, "the host"))
    why = too_little_room(cast("Any", SimpleNamespace(generation=3, pids=())), levels)
    assert (why is None) == fits
    assert fits or "100 MiB" in str(why)
    assert room._MARGIN > 1


def test_clients() -> None:
    clients = Clients()
    assert clients.see(Beat(4, 0.0, 0.0)) == {WAITING: 4.0}
    clients.see(Beat(0, 0.0, 0.0, answered=9, failed=1, judged=8, attained=8))
    seen = clients.see(Beat(0, 0.0, 0.0, answered=9, failed=1, judged=8, attained=4, ttft_p99=0.5))
    assert seen == {WAITING: 0.0, FAILED: 0.1, ATTAINMENT: 0.75, TTFT_P99: 0.5}
    assert set(seen) == set(CLIENT_INDICATORS)
    for _ in range(60):
        seen = clients.see(Beat(1, 0.0, 0.0))
    assert seen == {WAITING: 1.0}, "of the last minute"


def at(mono: float, event: events.Event) -> events.Event:
    return replace(event, stamp=Stamp(mono, mono))


WHICH: Any = {"deployment": "a", "replica": 1}


def test_lifetimes() -> None:
    journal = [
        at(0.0, events.DeploymentReady(**WHICH, generation=1, seconds=1.0)),
        at(5.0, events.RunRepeated(**WHICH, attempt=2)),
        at(10.0, events.DeploymentReady(**WHICH, generation=1, seconds=1.0)),
        at(40.0, events.DeploymentReady(**WHICH, generation=2, seconds=1.0)),
        at(50.0, events.DeploymentStopped(**WHICH, generation=1)),
        at(70.0, events.DeploymentDied(**WHICH, generation=2, why="exit 1")),
    ]
    assert lifetimes(history(journal, "a", 1)) == [Lifetime(40.0, failed=False), Lifetime(30.0, failed=True)]
    assert not history(journal, "a", 2)


def test_state_of_a_replacement() -> None:
    journal: list[events.Event] = [
        at(
            0.0,
            events.DeploymentStarted(**WHICH, generation=1, pid=10, port=1, processes={"main": (10, 7)}, main=(10, 7)),
        ),
        at(1.0, events.DeploymentReady(**WHICH, generation=1, seconds=1.0)),
        at(2.0, events.RejuvenationStarted(**WHICH, generation=1, action="replace")),
        at(3.0, events.DeploymentStarted(**WHICH, generation=2, pid=20, port=2, beside=1, processes={"main": (20, 8)})),
        at(4.0, events.DeploymentReady(**WHICH, generation=2, seconds=1.0)),
    ]
    run = fold(journal).runs["a", 1]
    assert (run.generation, run.pid, run.port, run.ready, run.phase) == (1, 10, 1, 1.0, "rejuvenating")
    assert run.beside is not None
    assert (run.beside.generation, run.beside.pid, run.beside.ready) == (2, 20, 4.0)
    journal.append(at(5.0, events.LoadRedirected(**WHICH, generation=2, port=2)))
    run = fold(journal).runs["a", 1]
    assert (run.generation, run.pid, run.port, run.ready) == (2, 20, 2, 4.0)
    assert isinstance(run.beside, OtherLife)
    assert (run.beside.generation, run.beside.pid) == (1, 10)
    journal.append(at(6.0, events.DeploymentStopped(**WHICH, generation=1)))
    journal.append(at(7.0, events.RejuvenationCompleted(**WHICH, generation=2, seconds=5.0)))
    run = fold(journal).runs["a", 1]
    assert (run.generation, run.beside, run.rejuvenating, run.newest, run.phase) == (2, None, None, 2, "ready")


def test_state_of_a_successor_that_is_given_up() -> None:
    journal: list[events.Event] = [
        at(0.0, events.DeploymentStarted(**WHICH, generation=1, pid=10)),
        at(2.0, events.RejuvenationStarted(**WHICH, generation=1, action="replace")),
        at(3.0, events.DeploymentStarted(**WHICH, generation=2, pid=20, beside=1)),
        at(4.0, events.DeploymentStopped(**WHICH, generation=2)),
        at(4.0, events.RejuvenationFailed(**WHICH, generation=1)),
    ]
    run = fold(journal).runs["a", 1]
    assert (run.generation, run.pid, run.beside, run.newest, run.rejuvenating) == (1, 10, None, 2, None)
