"""Requests of a run around its rejuvenations, each of them known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aging.core.metrics import PRIMARY
from aging.findings.build import analyze
from aging.findings.run_evidence import evidence_of
from aging.store.layout import Layout
from aging.store.results import open_results
from tests.builders import LOAD_START, RATE
from tests.findings.rejuvenation.journals import Line, completed, due, effects, failed, held, run_of, started

BEGIN, END = 100.0, 110.0
FIRST_HELD = 400  # due at 100.1 s
WAITING = range(FIRST_HELD, 440)  # due until 109.85 s

EVENT = [started(BEGIN), completed(END, held_seconds=10.0, stages={"drain": 1.0, "stop": 2.0, "start": 7.0})]


def waiting() -> dict[int, dict[str, Any]]:
    """All that were due while it lasted, sent at its end."""
    return {index: held(index, END) for index in WAITING}


def test_restart_that_holds(tmp_path: Path) -> None:
    (one,) = effects(run_of(tmp_path, EVENT, waiting()))
    assert (one.generation_before, one.generation_after, one.action, one.outcome) == (1, 2, "restart", "helped")
    assert (one.at_seconds, one.seconds, dict(one.stages)) == (BEGIN, 10.0, {"drain": 1.0, "stop": 2.0, "start": 7.0})
    assert (one.arrived, one.held, one.lost, one.cut, one.retried, one.duplicated) == (40, 40, {}, 0, 0, 0)
    assert one.held_longest_seconds == pytest.approx(LOAD_START + END - due(FIRST_HELD))
    assert one.held_median_seconds == pytest.approx(0.15 + 39 / 2 / RATE)
    assert one.unavailable_seconds == 10.0
    assert [one.ttft_before.answers, one.ttft_during.answers, one.ttft_after.answers] == [400, 40, 1200]
    assert [one.ttft_before.p99, one.ttft_after.p99] == pytest.approx([0.01, 0.01])
    assert one.ttft_during.p50 == pytest.approx(0.01 + 0.15 + 39 / 2 / RATE)
    assert one.steady_after_minutes == 0.0, "only the last of a hundred was late"


def test_losses_by_kind(tmp_path: Path) -> None:
    crowded = {index: failed(None, status="dropped", sent=None) for index in (440, 441)}
    changed = waiting() | {
        # In flight when it began, and cut; due long before, and over before.
        390: failed("cut", finished=LOAD_START + 105.0),
        391: failed("reset", finished=LOAD_START + 101.0),
        200: failed("reset", finished=due(200) + 1.0),
        # Held, and failed when it was sent, or never sent.
        410: held(410, END) | failed("connect"),
        411: held(411, END) | failed("cut", sent=None),
        # Dropped after its end while those that were held were not yet answered; dropped much later.
        439: held(439, END) | {"finished": LOAD_START + 110.5},
        900: failed(None, status="dropped", sent=None, finished=due(900)),
        # Meant to fail.
        412: held(412, END) | failed("reset", fault="abort"),
    }
    (one,) = effects(run_of(tmp_path, EVENT, changed | crowded))
    assert one.lost == {"cut": 2, "dropped": 2, "reset": 1, "connect": 1}
    assert (one.lost_total, one.cut, one.held) == (6, 2, 40)


def test_duplicate_and_missing_record(tmp_path: Path) -> None:
    changed = waiting()
    changed[420] |= {"index": 419}  # 419 is there twice, 420 not at all
    (one,) = effects(run_of(tmp_path, EVENT, changed))
    assert (one.duplicated, one.lost) == (1, {"no-record": 1})


def test_missing_records_of_a_gap(tmp_path: Path) -> None:
    changed = waiting()
    changed[420] |= {"index": 419}
    gap: list[Line] = [
        (105.0, "load_died", {"exit": "exit -9", "generation": 1}),
        (106.0, "load_resumed", {"first": 425, "pid": 3, "load_start": LOAD_START, "planned_seconds": 900.0}),
    ]
    (one,) = effects(run_of(tmp_path, [EVENT[0], *gap, EVENT[1]], changed))
    assert (one.unsent, one.lost) == (1, {})


def test_gap_that_begins_just_after(tmp_path: Path) -> None:
    """An interrupt after the release of the held requests: what was due until the resume was not sent, not lost."""
    changed = waiting() | {index: {"index": index + 200} for index in range(440, 3600)}
    gap: list[Line] = [
        (110.05, "load_died", {"exit": "exit 0", "generation": 2}),
        (110.08, "load_resumed", {"first": 640, "pid": 3, "load_start": LOAD_START, "planned_seconds": 900.0}),
    ]
    (one,) = effects(run_of(tmp_path, [*EVENT, *gap], changed))
    assert (one.unsent, one.lost) == (200, {})


def test_loss_belongs_to_the_event_in_which_it_failed(tmp_path: Path) -> None:
    changed = waiting() | {430: held(430, END) | failed("reset", finished=LOAD_START + 203.0)}
    lines = [*EVENT, started(200.0, 2), completed(205.0, 3, held_seconds=5.0)]
    first, second = effects(run_of(tmp_path, lines, changed))
    assert (first.lost, second.lost) == ({}, {"reset": 1})
    assert (first.held, second.held) == (40, 0)


@pytest.mark.parametrize(
    ("events", "outcome", "generation", "seconds"),
    [
        ([started(BEGIN)], "unfinished", None, None),
        ([started(BEGIN), (104.0, "deployment_died", {"generation": 2, "why": "exit 1"})], "failed", None, 4.0),
        (
            [started(BEGIN, action="replace"), (107.0, "rejuvenation_failed", {"generation": 1, "outcome": "undone"})],
            "undone",
            1,
            0.0,
        ),
        ([started(BEGIN), completed(END, outcome="unhelpful")], "unhelpful", 2, 10.0),
    ],
)
def test_outcome(
    tmp_path: Path, events: list[Any], outcome: str, generation: int | None, seconds: float | None
) -> None:
    (one,) = effects(run_of(tmp_path, events))
    assert (one.outcome, one.generation_after) == (outcome, generation)
    assert one.seconds == (pytest.approx(seconds) if seconds is not None else None)


def test_journal_of_release_0_2(tmp_path: Path) -> None:
    """Its events have no policy, no action, no stages, and no time that arrivals waited."""
    old = [(BEGIN, "rejuvenation_started", {"generation": 1, "action": "restart", "reason": "60s old"})]
    results = run_of(tmp_path, [*old, completed(END)], waiting(), rejuvenation={"policy": "periodic", "every": 60.0})
    (one,) = effects(results)
    assert (one.policy, one.table, one.outcome, one.reason) == ("periodic", "periodic", "helped", "60s old")
    assert (one.unavailable_seconds, one.held, one.lost) == (10.0, 40, {})


def test_event_written_after_the_effect_was_read(tmp_path: Path) -> None:
    late = (END + 20.0, *completed(END, held_seconds=10.0, stages={"start": 10.0})[1:])
    (one,) = effects(run_of(tmp_path, [started(BEGIN), late], waiting()))
    assert (one.seconds, one.arrived, one.held, one.ttft_after.answers) == (10.0, 40, 40, 1200)


def test_failing_without_hold(tmp_path: Path) -> None:
    """Arrivals went on to a server that was away: each failed."""
    changed = {index: failed("connect", finished=due(index) + 0.01) for index in range(404, 424)}
    (one,) = effects(run_of(tmp_path, [started(BEGIN, action="external"), completed(END, action="external")], changed))
    assert (one.lost, one.held) == ({"connect": 20}, 0)
    assert one.unavailable_seconds == pytest.approx(19 / RATE)


def test_no_requests(tmp_path: Path) -> None:
    results = run_of(tmp_path, EVENT)
    for file in results.layout.source("server", "requests").iterdir():
        file.unlink()
    (one,) = effects(open_results(Layout(tmp_path).root))
    assert (one.arrived, one.lost, one.held, one.ttft_before.answers) == (0, {}, 0, 0)
    assert one.steady_after_minutes is None


@pytest.mark.thorough
def test_problems(tmp_path: Path) -> None:
    decided = {"generation": 1, "carried_out": False, "policy": "threshold", "reason": "above"}
    lines = [
        started(BEGIN),
        completed(END, outcome="unhelpful"),
        (150.0, "rejuvenation_decided", decided | {"refused": "distance"}),
        (160.0, "rejuvenation_decided", decided | {"refused": "budget", "why": "24 in 24 hours"}),
        (170.0, "rejuvenation_decided", decided | {"refused": "distance"}),
        started(200.0, 2),
        (204.0, "rejuvenation_failed", {"generation": 2, "why": "no", "seconds": 4.0}),
        (204.1, "rejuvenation_disarmed", {"generation": 2, "why": "3 failures in a row"}),
    ]
    results = run_of(tmp_path, lines, {402: failed("reset", finished=due(402) + 1)})
    findings = analyze(results, {})
    kinds = [one.kind for one in findings.problems if one.kind.startswith("rejuvenation_")]
    assert sorted(kinds) == [
        "rejuvenation_budget",
        "rejuvenation_disarmed",
        "rejuvenation_failed",
        "rejuvenation_lost",
        "rejuvenation_unhelpful",
    ]
    counted = {one.rule: (one.count, one.first_seconds, one.last_seconds) for one in findings.decisions_not_carried_out}
    assert counted == {"distance": (2, 150.0, 170.0), "budget": (1, 160.0, 160.0), "disarmed": (0, 204.1, 204.1)}


def test_within_one_generation(tmp_path: Path) -> None:
    trim = [started(BEGIN, action="trim"), completed(END, generation=1, action="trim", seconds=0.5)]
    results = run_of(tmp_path, trim)
    (one,) = effects(results)
    assert (one.generation_before, one.generation_after, one.held, one.unavailable_seconds) == (1, 1, 0, 0.0)
    (memory,) = (one for one in analyze(results, {}).findings if one.indicator == PRIMARY)
    assert "rejuvenated_within" in memory.note_codes
    assert evidence_of(results, "server", 1).restarts == 0
