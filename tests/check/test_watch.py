"""Early looks beside a running campaign: one that crashes has judged nothing, and the journal says so."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from aging.check.conditions import parse_conditions
from aging.check.faults import Doubt
from aging.check.gate import Gate
from aging.check.judgement import Judged
from aging.check.result import gate_result, stop_of
from aging.check.watch import Watch
from aging.core.metrics import PRIMARY
from aging.core.worker import WorkerError
from aging.findings.gate import ConditionResult, ServerFailure
from aging.store.events import Event
from aging.store.journal import Journal
from aging.store.layout import Layout
from tests.builders import event

GATE = Gate(parse_conditions([f"{PRIMARY}:per_request > 256B"]), ["server"], 0.01, 0.05, (20.0, 40.0, 80.0, 100.0))


class Looks:
    """Stands for the worker processes: answers in turn."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[int] = []

    async def __call__(self, _name: str, job: dict[str, Any], *, niceness: int) -> Any:
        assert niceness > 0, "it gives way to what measures"
        self.asked.append(job["look"])
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def watched(
    folder: Path, monkeypatch: pytest.MonkeyPatch, looks: Looks, ago: float
) -> tuple[Watch, list[str], list[Event]]:
    """What a watch has done, of a load that began so many seconds ago."""
    journal = Journal(folder / "journal.jsonl")
    journal.record(event("load_started", "server", replica=1, load_start=time.monotonic() - ago, planned_seconds=100.0))
    journal.close()
    monkeypatch.setattr("aging.check.watch.call", looks)
    decided, recorded = list[str](), list[Event]()
    watch = Watch(GATE, Layout(folder), decided.append, recorded.append, lambda _line: None)
    asyncio.run(watch.run())
    return watch, decided, recorded


def answer(stop: str | None) -> dict[str, Any]:
    return {"stop": stop, "line": "a line", "gate": {"outcome": stop}}


def test_crashed_look_is_journaled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(WorkerError("look", -9, ("MemoryError",)))
    watch, decided, (failed,) = watched(tmp_path, monkeypatch, looks, 99.0)
    assert (decided, watch.answer, watch.made) == ([], None, [])
    assert (failed.kind, failed.details["look"], failed.details["looks"]) == ("look_failed", 3, 4)
    assert (failed.details["exit"], failed.details["log"]) == (-9, ["MemoryError"])


def test_look_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch, decided, recorded = watched(tmp_path, monkeypatch, Looks(answer("failed")), 99.0)
    assert watch.answer == {"outcome": "failed"}
    assert decided == ["failed: a line"]
    assert (watch.made, recorded) == ([3], [])


def test_undecided_look_and_looks_that_are_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Looks(answer(None))
    watch, decided, _ = watched(tmp_path, monkeypatch, looks, 99.0)
    assert (watch.answer, decided) == (None, [])
    assert looks.asked == [3], "of looks whose time has passed only the last is made"


def judged(outcome: str, futile: bool = False, deployment: str = "server") -> Judged:
    result = ConditionResult(
        deployment,
        "c",
        PRIMARY,
        "per_request",
        1.0,
        outcome,  # type: ignore[arg-type]
        0.0,
        (0.0, 0.0),
        0.0,
        "stable",
        "why",
        "code",
    )
    return Judged(result, futile)


DEAD = ServerFailure("dead", "died", "exit 7")


@pytest.mark.parametrize(
    ("of", "failures", "stop"),
    [
        (["passed", "passed"], [], "passed"),
        (["passed", "inconclusive"], [], None),
        (["passed", "futile"], [], "undecided"),
        (["inconclusive", "futile"], [], None),
        (["inconclusive", "failed"], [], "failed"),
        (["passed"], [DEAD], "server-failed"),
        (["inconclusive"], [DEAD], None),
        (["failed"], [DEAD], "failed"),
        ([], [DEAD], "server-failed"),
    ],
)
def test_when_a_campaign_may_end(of: list[str], failures: list[ServerFailure], stop: str | None) -> None:
    found = [judged("inconclusive", futile=True) if one == "futile" else judged(one) for one in of]
    found += [judged("inconclusive", deployment="dead")] * bool(failures)
    assert stop_of(found, failures) == stop


@pytest.mark.parametrize(
    ("of", "failures", "doubts", "outcome"),
    [
        (["passed", "passed"], [], [], "passed"),
        (["passed", "inconclusive"], [], [], "inconclusive"),
        (["passed", "failed"], [DEAD], [Doubt(None, "why")], "failed"),
        (["passed", "inconclusive"], [DEAD], [Doubt(None, "why")], "server-failed"),
        (["passed"], [], [Doubt(None, "why")], "inconclusive"),
        (["passed"], [], [Doubt("server", "why")], "inconclusive"),
        (["passed"], [], [Doubt("its-baseline", "why")], "inconclusive"),
        ([], [], [], "inconclusive"),
    ],
)
def test_outcome(of: list[str], failures: list[ServerFailure], doubts: list[Doubt], outcome: str) -> None:
    found = gate_result(GATE, [judged(one) for one in of], failures, doubts, 2)
    assert found.outcome == outcome
    theirs = [one for one in doubts if one.deployment != "its-baseline"]
    assert not theirs or all(one.outcome != "passed" for one in found.conditions)
    assert found.doubts == [one.message for one in doubts]
