"""Suspends and clock steps are reported, and change no slope."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aging.core.clock import Clocks
from aging.core.metrics import PRIMARY
from aging.core.records import Reading
from aging.findings.build import analyze
from aging.findings.types import Findings
from aging.runner.catalogue import Catalogue
from aging.sampling.base import Sampler
from aging.sampling.clock_jumps import ClockJumpDetector
from aging.sampling.loop import Plan, Sampling
from aging.store.journal import Journal
from aging.store.results import Results, open_results
from tests.builders import LOAD_START, SECONDS, event, leak, memory_finding, synthetic

TESTS = Catalogue.discovered().tests
HOUR = 3600.0
NOON = 1_800_000_000.0


def looked_at(*seen: Clocks) -> list[tuple[str, dict[str, Any]]]:
    events: list[tuple[str, dict[str, Any]]] = []
    watch = ClockJumpDetector(lambda event: events.append((event.kind, event.details)))
    for clocks in seen:
        watch.look(clocks)
    return events


def test_clocks_that_go_on_together_are_no_event() -> None:
    assert looked_at(*(Clocks(NOON + k, k, 50.0 + k) for k in range(10))) == []
    assert looked_at(Clocks(NOON, 0.0, 0.0), Clocks(NOON + 900.4, 900.0, 900.9)) == []  # below both thresholds


@pytest.mark.parametrize("step", [HOUR, -HOUR, 0.6, -0.6])
def test_a_step_of_the_wall_clock_is_reported_once(step: float) -> None:
    seen = [Clocks(NOON + k + (step if k >= 5 else 0.0), k, k) for k in range(10)]
    assert looked_at(*seen) == [("clock_stepped", {"seconds": pytest.approx(step)})]


def test_a_suspend_is_reported_and_is_no_step() -> None:
    seen = [Clocks(NOON + k + (HOUR if k >= 5 else 0.0), k, k + (HOUR if k >= 5 else 0.0)) for k in range(10)]
    assert looked_at(*seen) == [("host_suspended", {"seconds": HOUR})]


def test_a_step_at_the_end_of_a_suspend_is_reported_beside_it() -> None:
    events = looked_at(Clocks(NOON, 10.0, 10.0), Clocks(NOON + 105.0, 11.0, 111.0))
    assert events == [("host_suspended", {"seconds": 100.0}), ("clock_stepped", {"seconds": 4.0})]


def test_the_host_s_clocks_are_read_at_once() -> None:
    before, now = time.time(), Clocks.now()
    assert before <= now.wall <= time.time()
    assert now.mono <= time.monotonic()
    assert now.suspended >= -0.01
    assert (now.stamp.wall, now.stamp.mono) == (now.wall, now.mono)
    assert Clocks.now().offset == pytest.approx(now.offset, abs=0.01)


class Course(Sampler):
    """A leaking server's memory, a second a reading."""

    kind = "process"
    default_interval = 1.0

    def __init__(self, enough: Callable[[], object]) -> None:
        super().__init__(list)
        self.count = 0
        self._enough = enough

    def read(self) -> Iterable[Reading]:
        self.count += 1
        if self.count == SECONDS + 2:
            self._enough()
        memory = leak(5000.0)(np.array([self.count - 0.5]))[0]
        return [Reading("leak", "tree", 1, {PRIMARY: float(memory), "process_cpu_seconds_total": 0.01 * self.count})]


class Jumping:
    """Clocks that go a second a reading; in the middle of the load the wall clock is set, or the host is suspended."""

    def __init__(self, step: float, suspend: float) -> None:
        self._step, self._suspend = step, suspend
        self._count = 0

    def __call__(self) -> Clocks:
        mono = LOAD_START + 0.5 + self._count
        after = self._count >= SECONDS // 2
        self._count += 1
        boot = mono + (self._suspend if after else 0.0)
        return Clocks(NOON + boot + (self._step if after else 0.0), mono, boot)


def sampled(root: Path, step: float, suspend: float = 0.0) -> Results:
    """A campaign whose memory samples went through the sampling loop under jumping clocks."""
    layout = synthetic(root, {"leak": leak(5000.0)}).layout
    shutil.rmtree(layout.source("leak", "process"))
    journal = Journal(layout.journal)

    async def run() -> None:
        over, loop = asyncio.Event(), asyncio.get_running_loop()
        sampler = Course(lambda: loop.call_soon_threadsafe(over.set))
        sampling = Sampling(layout.source, journal.record, lambda _: None, clocks=Jumping(step, suspend))
        task = asyncio.create_task(sampling.run(Plan(sampler, 0.001), time.monotonic()))
        await over.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        sampling.close()

    asyncio.run(run())
    journal.close()
    return open_results(root)


def told_of_clocks(findings: Findings) -> list[tuple[str, str]]:
    return [(one.kind, one.message) for one in findings.problems if one.kind in ("clock", "suspended")]


@pytest.mark.thorough
def test_no_jump_of_a_clock_changes_a_slope(tmp_path: Path) -> None:
    steady = analyze(sampled(tmp_path / "steady", 0.0), TESTS)
    assert memory_finding(steady, "leak").verdict == "aging"
    assert told_of_clocks(steady) == []
    for name, step, suspend, kind, message in (
        ("forward", HOUR, 0.0, "clock", "+3600.0 s"),
        ("back", -HOUR, 0.0, "clock", "-3600.0 s"),
        (
            "asleep",
            0.0,
            HOUR,
            "suspended",
            "for 3600.0 s",
        ),
    ):
        results = sampled(tmp_path / name, step, suspend)
        walls = results.samples("leak", "process")["wall"].diff()
        assert abs(walls).max() == pytest.approx(HOUR, abs=2.0)  # the rows do carry the jump
        findings = analyze(results, TESTS)
        assert findings.findings == steady.findings, name
        ((found, text),) = told_of_clocks(findings)
        assert (found, message in text) == (kind, True)


def test_many_jumps_are_one_problem_of_a_kind(tmp_path: Path) -> None:
    results = synthetic(tmp_path / "r", {"leak": leak(5000.0)})
    journal = Journal(results.layout.journal)
    for seconds in (1.0, -7.5, 2.0):
        journal.record(event("clock_stepped", seconds=seconds))
        journal.record(event("host_suspended", seconds=abs(seconds)))
    journal.close()
    (suspended, slept), (clock, changed) = told_of_clocks(analyze(open_results(tmp_path / "r"), TESTS))
    assert (suspended, "3 times, 10.5 s in all" in slept) == ("suspended", True)
    assert (clock, "3 times, by -7.5 s at most" in changed) == ("clock", True)
