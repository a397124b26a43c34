"""A process that judges and crashes has judged nothing: the journal, the findings and the gate say so."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aging.check.early_stop import Gate, failed_looks, watch

from aging.campaign.load import parse_campaign
from aging.campaign.plan import PlannedRun
from aging.campaign.schema import Campaign, SubjectOptions
from aging.check.conditions import Condition, Outcome, judge, overall
from aging.core.metrics import PRIMARY
from aging.findings.build import analyze
from aging.findings.problems import problems_of
from aging.findings.run_validity import validities
from aging.runner.catalogue import Catalogue
from aging.runner.retries import broken_runs
from aging.stats import look_levels
from aging.store.events import Event, LookFailed
from aging.store.journal import Journal
from aging.store.layout import Layout
from aging.store.results import Results, open_results
from tests.builders import event, flat, leak, synthetic

LEAK = Condition(PRIMARY, "per_request", 256.0)


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


def campaign() -> Campaign:
    text = """
schema = 1
name = "looks"
seed = 1
duration = "100s"
load.arrivals = { kind = "constant", rate = 1.0 }
load.prompt_tokens = { median = 1, p95 = 1, min = 1, max = 1 }
load.output_tokens = { median = 1, p95 = 1, min = 1, max = 1 }
deployment = [{ name = "server", kind = "reference", port = 18080 }]
"""
    return parse_campaign(text, Catalogue.discovered().kinds())


def test_look_crash_journaled(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")  # and no manifest: there is nothing that could be looked at
    began = time.monotonic() - 1000.0
    journal.record(event("load_started", "server", replica=1, load_start=began, planned_seconds=100.0))
    journal.close()
    recorder, decided = Recorder(), list[str]()
    gate = Gate([LEAK], ["server"], looks=3)
    asyncio.run(watch(gate, campaign(), Layout(tmp_path), decided.append, recorder))
    assert decided == []
    assert [(kind, details["look"], details["looks"]) for kind, _, details in recorder.events] == [
        ("look_failed", 1, 3),
        ("look_failed", 2, 3),
    ]
    assert all(details["exit"] == 2 and "manifest" in details["log"][-1] for _, _, details in recorder.events)


def test_crashed_look_spends_no_alpha() -> None:
    gate = Gate([LEAK], ["server"], looks=4)
    assert gate.level(4) == pytest.approx(gate.levels[-1])
    # As if it had never been planned.
    assert gate.level(4, {2, 3}) == pytest.approx(float(look_levels(np.array([1.0, 4.0]), 0.05)[-1]))
    assert gate.level(4, {1, 2, 3}) == pytest.approx(0.05)
    assert gate.level(4, {2, 3}) > gate.level(4)
    assert failed_looks([LookFailed(look=2, looks=3)]) == {2}


@pytest.mark.parametrize(("leaking", "outcome"), [(False, Outcome.INCONCLUSIVE), (True, Outcome.FAILED)])
def test_gate_undecided_after_crashed_look(tmp_path: Path, leaking: bool, outcome: Outcome) -> None:
    details = {"look": 2, "looks": 3, "exit": 1, "log": ["KeyError: 'x'"]}
    results = with_events(tmp_path / "c", ("look_failed", None, details), leaking=leaking)
    findings = analyze(results, Catalogue.discovered().tests)
    (problem,) = (one for one in findings.problems if one.kind == "look")
    assert "look 2 of 3" in problem.message
    assert "KeyError" in problem.message
    judgements = judge(findings, [LEAK], ["server"])
    assert overall(judgements) is outcome
    without = with_events(tmp_path / "d", leaking=leaking)
    decided = overall(judge(analyze(without, Catalogue.discovered().tests), [LEAK], ["server"]))
    assert decided is (Outcome.FAILED if leaking else Outcome.PASSED), "the look alone makes the difference"
