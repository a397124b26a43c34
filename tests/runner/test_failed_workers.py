"""A process that judges and crashes has judged nothing: the journal, the findings and the gate say so."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from aging.app.check import GateRequest, check_directory
from aging.campaign.plan import PlannedRun
from aging.campaign.schema import SubjectOptions
from aging.core.metrics import PRIMARY
from aging.findings.problems import problems_of
from aging.findings.run_validity import validities
from aging.runner.retries import broken_runs
from aging.store.events import Event
from aging.store.journal import Journal
from aging.store.layout import Layout
from aging.store.results import Results, open_results
from tests.builders import event, flat, leak, synthetic


class Recorder:
    """Stands for the journal."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str | None, dict[str, Any]]] = []

    def __call__(self, event: Event) -> None:
        self.events.append((event.kind, event.deployment, event.details))


def run(name: str, attempt: int = 1) -> PlannedRun:
    return PlannedRun(SubjectOptions(name=name, kind="k"), 1, 7, None, attempt)


def with_events(root: Path, *events: tuple[str, str | None, dict[str, Any]], leaking: bool = False) -> Results:
    """A quiet run, or a leaking one, with these further events before its end."""
    synthetic(root, {"server": leak(4096.0) if leaking else flat})
    layout = Layout(root)
    lines = layout.journal.read_text().splitlines(keepends=True)
    layout.journal.write_text("".join(lines[:-1]))
    journal = Journal(layout.journal)
    for kind, deployment, details in events:
        journal.record(event(kind, deployment, **details))
    journal.record(event("campaign_completed"))
    journal.close()
    return open_results(root)


# The judge of what is to be repeated.


@pytest.mark.thorough
def test_judge_crash_journaled_per_run(tmp_path: Path) -> None:
    recorder = Recorder()  # there is no result directory to judge
    assert asyncio.run(broken_runs(tmp_path, [run("a"), run("b", attempt=2)], recorder)) == {}
    assert [(kind, deployment) for kind, deployment, _ in recorder.events] == [
        ("retry_judge_failed", "a"),
        ("retry_judge_failed", "b"),
    ]
    details = recorder.events[1][2]
    assert (details["replica"], details["attempt"], details["exit"]) == (1, 2, 2)
    assert "is not a result directory" in details["log"][-1]


@pytest.mark.thorough
def test_judge_answers_without_event(tmp_path: Path) -> None:
    synthetic(tmp_path / "c", {"a": flat})
    recorder = Recorder()
    assert asyncio.run(broken_runs(tmp_path / "c", [run("a")], recorder)) == {}
    assert recorder.events == []


def test_unjudged_run_is_marked(tmp_path: Path) -> None:
    details = {"replica": 1, "attempt": 1, "exit": -9, "log": ["MemoryError"]}
    results = with_events(tmp_path / "c", ("retry_judge_failed", "server", details))
    (validity,) = validities(results)
    assert validity.validity == "complete", "what is measured is judged by what was measured"
    assert validity.reason_codes == ("unjudged",)
    (problem,) = (one for one in problems_of(results) if one.kind == "unjudged")
    assert problem.deployment == "server"
    assert "killed by SIGKILL" in problem.message
    assert "MemoryError" in problem.message


# Early looks.


def test_crashed_look_is_a_problem(tmp_path: Path) -> None:
    details = {"look": 2, "looks": 3, "exit": 1, "log": ["KeyError: 'x'"]}
    results = with_events(tmp_path / "c", ("look_failed", None, details))
    (problem,) = (one for one in problems_of(results) if one.kind == "look")
    assert "look 2 of 3" in problem.message
    assert "KeyError" in problem.message


@pytest.mark.parametrize(("leaking", "outcome"), [(False, "inconclusive"), (True, "failed")])
def test_gate_undecided_after_crashed_look(tmp_path: Path, leaking: bool, outcome: str) -> None:
    details = {"look": 2, "looks": 3, "exit": 1, "log": ["KeyError: 'x'"]}
    request = GateRequest([f"{PRIMARY}:per_request > 1KiB"])
    with_events(tmp_path / "c", ("look_failed", None, details), leaking=leaking)
    assert check_directory(tmp_path / "c", request).outcome == outcome
    with_events(tmp_path / "d", leaking=leaking)
    decided = check_directory(tmp_path / "d", request).outcome
    assert decided == ("failed" if leaking else "passed"), "the look alone makes the difference"
