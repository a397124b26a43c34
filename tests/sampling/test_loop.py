"""The sampling loop: what one sampler does wrong costs only its own ticks."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from aging.core.clock import Stamp, Tick
from aging.core.records import HARNESS, Reading
from aging.sampling.base import Sampler
from aging.sampling.loop import Plan, Sampling
from aging.store.reader import read_rows


class Scripted(Sampler):
    """Reads the values of a function."""

    default_interval = 0.1

    def __init__(self, kind: str, answer: Callable[[int], Iterable[Reading]], deadline: float = 30.0) -> None:
        super().__init__(lambda: ())
        self.kind = kind  # type: ignore[misc]
        self.deadline = deadline
        self.count = 0
        self._answer = answer

    def read(self) -> Iterable[Reading]:
        self.count += 1
        return self._answer(self.count)


def value(count: int) -> list[Reading]:
    return [Reading("a", "tree", 1, {"x": float(count)})]


def sampled(
    tmp_path: Path, *samplers: Scripted, until: Callable[[], bool], events: list[tuple[str, dict[str, object]]]
) -> None:
    """Run samplers side by side until a condition holds; ``events`` gets their journal events."""
    seen: list[Reading] = []

    async def run() -> None:
        sampling = Sampling(
            lambda owner, source: tmp_path / owner / source,
            lambda event: events.append((event.kind, event.details)),
            seen.append,
        )
        start = time.monotonic()
        tasks = [asyncio.create_task(sampling.run(Plan(one, 0.1, deadline=one.deadline), start)) for one in samplers]
        async with asyncio.timeout(60.0):
            while not until():  # noqa: ASYNC110 - threads make it true
                await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        sampling.close()

    asyncio.run(run())
    assert seen


def rows(folder: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = read_rows(folder).table.to_pylist()
    return found


def test_readings_become_stamped_rows(tmp_path: Path) -> None:
    before = Stamp.now()
    events: list[tuple[str, dict[str, object]]] = []
    good = Scripted("good", value)
    sampled(tmp_path, good, until=lambda: good.count > 8, events=events)
    after = Stamp.now()
    found = rows(tmp_path / "a" / "good")
    assert events == []
    assert len(found) >= 8
    assert [row["x"] for row in found] == [float(k) for k in range(1, len(found) + 1)]
    assert all(before.mono <= row["mono"] <= after.mono for row in found)  # type: ignore[operator]
    assert all(before.wall - 0.01 <= row["wall"] <= after.wall + 0.01 for row in found)  # type: ignore[operator]


def test_a_sampler_that_raises_leaves_rows_with_the_reason_and_recovers(tmp_path: Path) -> None:
    def flaky(count: int) -> list[Reading]:
        if 3 <= count <= 5:
            raise KeyError("gone")
        return value(count)

    events: list[tuple[str, dict[str, object]]] = []
    sampler = Scripted("flaky", flaky)
    sampled(tmp_path, sampler, until=lambda: sampler.count > 9, events=events)
    assert events == [
        ("sampler_failing", {"sampler": "flaky", "reason": "KeyError: 'gone'"}),
        ("sampler_recovered", {"sampler": "flaky"}),
    ]
    missing = rows(tmp_path / HARNESS / "flaky")
    assert [json.loads(str(row["missing"])) for row in missing] == [{"sampler": "KeyError: 'gone'"}] * 3
    assert len(rows(tmp_path / "a" / "flaky")) >= 6


@pytest.mark.parametrize("turns", range(6))
def test_a_cancellation_that_comes_with_an_answer_ends_the_ticks(tmp_path: Path, turns: int) -> None:
    reading, release = threading.Event(), threading.Event()

    def held(count: int) -> list[Reading]:
        reading.set()
        release.wait(60.0)
        return value(count)

    async def run() -> bool:
        sampling = Sampling(lambda owner, source: tmp_path / owner / source, lambda _: None, lambda _: None)
        task = asyncio.create_task(sampling.run(Plan(Scripted("held", held), 0.05, deadline=5.0), time.monotonic()))
        await asyncio.to_thread(reading.wait)
        release.set()
        time.sleep(0.05)  # noqa: ASYNC251 - the answer waits for the loop
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=20.0)
        ended = task.done()
        while not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=0.03)
        sampling.close()
        return ended

    assert asyncio.run(run())


def test_a_sampler_that_hangs_is_abandoned_and_the_others_never_wait(tmp_path: Path) -> None:
    release = threading.Event()

    def hang(count: int) -> list[Reading]:
        if count == 2:
            release.wait(60.0)
        return value(count)

    events: list[tuple[str, dict[str, object]]] = []
    sampler, other = Scripted("hung", hang, deadline=3.0), Scripted("good", value)
    after: list[int] = []

    def abandoned_for_a_while() -> bool:
        after.extend([other.count] if events else [])
        return bool(after) and other.count >= after[0] + 5

    sampled(tmp_path, sampler, other, until=abandoned_for_a_while, events=events)
    assert [kind for kind, _ in events] == ["sampler_failing"]
    assert events[0][1]["reason"] == "the hung sampler did not answer within 3 s"
    reasons = [json.loads(str(row["missing"]))["sampler"] for row in rows(tmp_path / HARNESS / "hung")]
    assert reasons[0] == "the hung sampler did not answer within 3 s"
    assert set(reasons[1:]) == {"the hung sampler is still reading"}
    assert [row["x"] for row in rows(tmp_path / "a" / "hung")] == [1.0]
    good = rows(tmp_path / "a" / "good")
    failed = float(str(rows(tmp_path / HARNESS / "hung")[0]["mono"]))
    assert sum(float(str(row["mono"])) > failed for row in good) >= 5
    release.set()


def test_a_stamped_reading_is_a_row_of_that_time_on_the_timeline(tmp_path: Path) -> None:
    sampling = Sampling(lambda *_: tmp_path, lambda _: None, lambda _: None, shift=1000.0)
    own = Reading("a", "engine", 1, {"x": 1.0}, stamp=Stamp(7.5, 2.5))
    sampling._write("engine", Stamp(7.0, 1002.0), Tick(0.0, 0), [own, Reading("a", "other", 1, {"x": 2.0})])
    sampling.close()
    assert [(row["wall"], row["mono"]) for row in rows(tmp_path)] == [(7.5, 1002.5), (7.0, 1002.0)]


def test_the_files_of_a_run_that_has_ended_are_closed_and_the_others_are_not(tmp_path: Path) -> None:
    def folder(owner: str, source: str) -> Path:
        return tmp_path / owner / "r01" / source

    sampling = Sampling(folder, lambda _: None, lambda _: None)
    for owner in ("a", "b"):
        sampling._write("process", Stamp(0.0, 0.0), Tick(0.0, 0), [Reading(owner, "tree", 1, {"x": 1.0})])
    sampling.finish(tmp_path / "a" / "r01")
    assert list(sampling._writers) == [tmp_path / "b" / "r01" / "process"]
    sampling.close()
