"""The guard's state machine: decisions, rules, memory over its own restarts; by virtual time."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from aging.core.clock import Stamp
from aging.core.errors import StorageError
from aging.guard.look import Answer, Outlook
from aging.guard.state import STATE, StateFolder, read_state
from aging.guard.watch import Ended
from aging.rejuvenation.base import Decision
from tests.guard.conftest import Simulate
from tests.guard.simulation import DAY, MIB, START, THRESHOLD

HOUR = 3600.0


def test_a_leak_is_acted_on_when_its_limit_is_reached(simulate: Simulate) -> None:
    sim = simulate()
    took = sim.until_action()
    assert took == pytest.approx((1024 - 100) / 1024 * HOUR, abs=120)
    assert [row["event"] for row in sim.decisions()] == ["rejuvenation_decided", "rejuvenation_started"]
    sim.act()
    state = sim.watch.state
    assert state.last is not None
    assert state.last.outcome == "helped"
    assert state.last.freed_bytes == pytest.approx(924 * MIB, rel=0.05)
    assert state.tally.outcomes == {"helped": 1}
    assert state.tally.decisions == {"carried-out": 1}
    assert state.tally.restarts == 0
    assert state.server is not None
    assert state.server.generation == 2
    assert [lifetime.failed for lifetime in state.lifetimes] == [False]


def test_no_leak_no_action(simulate: Simulate) -> None:
    assert simulate(leak_per_hour=0.0).until_action(3 * HOUR) is None


def test_dry_run_says_and_does_nothing(simulate: Simulate) -> None:
    sim = simulate(table={**THRESHOLD, "dry_run": True})
    assert sim.until_action(2 * HOUR) is None
    rows = sim.decisions()
    assert [(row["event"], row["refused"]) for row in rows] == [("rejuvenation_decided", "dry-run")]
    assert sim.watch.state.tally.decisions == {"dry-run": 1}


def test_share_of_the_kernels_limit(simulate: Simulate) -> None:
    sim = simulate(table={**THRESHOLD, "above": 1e15}, options={"limit": "25%"})
    sim.step()
    assert sim.watch.state.limit == 2048 * MIB


def test_without_a_limit_it_is_what_the_kernel_leaves(simulate: Simulate) -> None:
    sim = simulate(table={}, options={})
    sim.step()
    assert sim.watch.state.limit == 8192 * MIB
    assert sim.watch.state.level == sim.level


def test_an_unplanned_restart_is_counted_and_is_a_failed_lifetime(simulate: Simulate) -> None:
    sim = simulate()
    for _ in range(100):
        sim.step()
    sim.watch.gone("it ended")
    sim.restart(sim.base)
    state = sim.watch.state
    assert state.tally.restarts == 1
    assert [(lifetime.failed, round(lifetime.seconds)) for lifetime in state.lifetimes] == [(True, 3000)]


def test_budget_of_a_day(simulate: Simulate) -> None:
    sim = simulate(table={**THRESHOLD, "budget": 2, "window": "10m"}, leak_per_hour=4096 * MIB, interval=300.0)
    for _ in range(2):
        assert sim.until_action(HOUR) is not None
        sim.act()
    refused_at = sim.now.mono
    took = sim.until_action(30 * HOUR)
    assert took is not None
    assert refused_at + took >= sim.watch.state.past.begun[0] + 24 * HOUR or len(sim.watch.state.past.begun) <= 2
    assert took > 23 * HOUR
    assert "budget" in sim.watch.state.tally.decisions


def test_useless_actions_back_off_and_disarm_until_rearmed(simulate: Simulate) -> None:
    sim = simulate(leak_per_hour=4096 * MIB, interval=300.0, table={**THRESHOLD, "give_up_after": 3, "window": "10m"})
    waits = []
    for _ in range(3):
        took = sim.until_action(30 * HOUR)
        assert took is not None
        waits.append(took)
        sim.act(outcome="failed")
    assert waits[1] >= 1200
    assert waits[2] >= 2 * waits[1] * 0.9
    state = sim.watch.state
    assert state.past.disarmed is not None
    assert state.alarm is not None
    assert sim.until_action(48 * HOUR) is None
    assert sim.decisions()[-1]["refused"] == "disarmed"
    assert "rejuvenation_disarmed" in [row["event"] for row in sim.decisions()]
    sim.watch.rearm(sim.now)
    assert sim.until_action(HOUR) is not None


def test_an_action_after_which_the_memory_is_no_less_is_unhelpful(simulate: Simulate) -> None:
    sim = simulate(helps=False)
    assert sim.until_action() is not None
    sim.act()
    assert sim.watch.state.last is not None
    assert sim.watch.state.last.outcome == "unhelpful"
    assert sim.watch.state.past.failures == 1


def test_a_server_that_dies_right_after_its_restart_counts_as_unhelpful(simulate: Simulate) -> None:
    sim = simulate()
    assert sim.until_action() is not None
    sim.act()
    sim.step()
    sim.watch.gone("it crashed")
    sim.restart(sim.base)
    assert sim.watch.state.past.failures == 1


def test_everything_is_remembered_by_the_next_guard(simulate: Simulate) -> None:
    sim = simulate()
    assert sim.until_action() is not None
    sim.act(outcome="failed")
    before = sim.watch.state
    after = sim.new_watch().state
    assert after.past == before.past
    assert after.tally == before.tally
    assert after.server == before.server
    assert after.lifetimes == before.lifetimes
    assert sim.until_action(1100) is None  # the pause after the failure continues
    assert sim.watch.state.tally.decisions["backoff"] == 1


def test_the_readings_of_a_generation_outlive_the_guard(simulate: Simulate) -> None:
    sim = simulate(leak_per_hour=0.0)
    for _ in range(200):
        sim.step()
    sim.watch.close(sim.now)
    sim.new_watch()
    sim.step()
    asked = sim.watch.look(sim.now)
    assert asked is not None
    assert len(asked.ages[asked.indicator]) > 150
    assert asked.ages[asked.indicator][0] == 30


def test_an_action_that_keeps_the_process_makes_it_young_again(simulate: Simulate) -> None:
    table = {"policy": "periodic", "every": "1h", "command": ["trim"]}
    sim = simulate(table=table, options={"keeps_process": True})
    for _ in range(3):
        took = sim.until_action()
        assert took == pytest.approx(HOUR, abs=30)
        sim.now = Stamp(sim.now.wall + 2, sim.now.mono + 2)
        sim.watch.end(Ended("helped", 2.0), sim.now)
    assert sim.watch.state.tally.outcomes == {"helped": 3}
    assert sim.watch.state.server is not None
    assert sim.watch.state.server.generation == 1


def test_what_cannot_be_remembered_is_not_begun(
    simulate: Simulate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim = simulate()
    sim.step()

    def full(*_: object) -> None:
        raise StorageError("state.json cannot be written: No space left on device")

    monkeypatch.setattr(StateFolder, "save", full)
    for _ in range(30):
        assert sim.watch.begin(Decision("full"), sim.now, "acting") is None
    assert sim.watch.state.pending is None
    assert sim.watch.state.tally.decisions == {"storage": 1}
    for _ in range(100):
        sim.step()  # it goes on to observe
    assert sum("No space left" in line for line in sim.said) <= 2  # the refusal, and the alarm
    monkeypatch.undo()
    assert sim.watch.begin(Decision("room again"), sim.now, "acting") is not None  # the budget is whole
    assert read_state(tmp_path) is not None


def test_a_decision_of_the_looking_process_is_confirmed_when_it_is_old(simulate: Simulate) -> None:
    table = {"policy": "trend", "within": "2h", "command": ["restart"], "distance": "1h"}
    sim = simulate(table=table, leak_per_hour=0.0, base=900 * MIB, born=START.mono - 10 * HOUR)
    sim.step()
    while sim.watch.look(sim.now) is None:
        sim.step()
    looked = sim.now.mono
    decision = Decision("rises", {"slope_per_hour": 1.0})
    sim.watch.looked(Answer(Outlook("growing", "aging", 100), decision), 1, sim.now)
    assert sim.watch.ask(sim.now) == decision
    asked = sim.watch.look(sim.now)
    while asked is None:  # the level stays below its limit, and the policy's answer grows old
        sim.now = Stamp(sim.now.wall + 5, sim.now.mono + 5)
        assert sim.watch.ask(sim.now) == (decision if sim.now.mono - looked <= 600 else None)
        asked = sim.watch.look(sim.now)
    assert sim.now.mono - looked == 605  # not an hour, as by its age


def test_a_blind_policy_is_said_once(simulate: Simulate) -> None:
    sim = simulate(table={**THRESHOLD, "indicator": "cgroup_memory_usage_bytes", "above": 1.0})
    for _ in range(10):
        sim.step()
    assert len([line for line in sim.said if "cgroup_memory_usage_bytes" in line]) == 1
    assert sim.watch.state.alarm is not None


def test_a_damaged_state_is_kept_aside(tmp_path: Path) -> None:
    (tmp_path / STATE).write_text('{"target": 3')
    state, damage = StateFolder(tmp_path).load()
    assert damage is not None
    assert state.server is None
    assert (tmp_path / "state.damaged").exists()


@pytest.mark.thorough
def test_its_memory_is_flat(simulate: Simulate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten days, a generation a day; `python -m analysis.benchmarks guard_month` has thirty, and resident memory."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    sim = simulate(interval=300.0, leak_per_hour=1024 * MIB / 24)
    held: list[int] = []
    tracemalloc.start()
    try:
        for _ in range(10):
            until = sim.now.mono + DAY
            while sim.now.mono < until:
                if sim.step():
                    sim.act()
            sim.said.clear()
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert sim.watch.state.tally.outcomes["helped"] >= 9
    assert held[-1] - held[2] < 64 * 1024


@pytest.mark.parametrize(
    "table",
    [
        {"policy": "window", "between": ["00:00", "23:59"], "inner": {"policy": "trend", "within": "2h"}},
        {"policy": "cost-optimal", "cost_restart": 1, "cost_crash": 20},
        {"policy": "trend", "within": "2h"},
    ],
    ids=lambda table: str(table["policy"]),
)
def test_the_limit_is_never_passed_between_two_looks(simulate: Simulate, table: Mapping[str, Any]) -> None:
    """No look answers here: what acts is the urgent part, in the guard itself."""
    sim = simulate(table={**table, "command": ["restart"]}, interval=5.0)
    assert sim.until_action(2 * HOUR) is not None
    assert sim.level < 1024 * MIB
    assert sim.decisions()[0]["urgent"]


def test_a_window_passes_what_its_inner_policy_decided_in_a_look(simulate: Simulate) -> None:
    table = {"policy": "window", "between": ["02:00", "05:00"], "inner": {"policy": "trend", "within": "2h"}}
    sim = simulate(table={**table, "command": ["restart"]}, leak_per_hour=0.0, base=500 * MIB)
    sim.step()
    while (asked := sim.watch.look(sim.now)) is None:
        sim.step()
    assert asked.table is not None
    assert asked.table["policy"] == "trend"
    sim.watch.looked(Answer(Outlook("growing", "aging", 100), Decision("rises", {})), 1, sim.now)
    for hour, acts in ((1, False), (3, True), (6, False)):
        wall = START.wall // DAY * DAY + DAY + hour * HOUR
        decided = sim.watch.ask(Stamp(wall, sim.now.mono))
        assert (decided is not None) is acts


def test_a_disarmed_policy_says_how_to_arm_it(simulate: Simulate, tmp_path: Path) -> None:
    sim = simulate(table={**THRESHOLD, "give_up_after": 1}, leak_per_hour=4096 * MIB)
    assert sim.until_action() is not None
    sim.act(outcome="failed")
    assert f"--rearm --state {tmp_path}" in sim.said[-1]
    assert sim.watch.state.alarm is not None
    assert "disarmed" in sim.watch.state.alarm
    for _ in range(5):
        sim.step()
    assert f"--rearm --state {tmp_path}" in sim.said[-1]
    assert sim.decisions()[-1]["refused"] == "disarmed"


def test_a_server_that_returns_after_a_failed_action_has_not_died_by_itself(simulate: Simulate) -> None:
    sim = simulate()
    assert sim.until_action() is not None
    sim.watch.gone("pid 100 has ended")
    sim.act(outcome="failed")
    sim.restart(sim.base)
    assert sim.watch.state.tally.restarts == 0
    assert sim.watch.state.past.failures == 1
    assert [one.failed for one in sim.watch.state.lifetimes] == [False]
