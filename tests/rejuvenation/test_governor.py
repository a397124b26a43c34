"""The rules that are common to all policies."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aging.core.clock import Stamp
from aging.rejuvenation.governor import DAY_SECONDS, Governor, Outcome, Past, Rules
from aging.rejuvenation.past import past_of
from aging.rejuvenation.policies.periodic import PeriodicOptions
from aging.store.events import (
    Event,
    RejuvenationCompleted,
    RejuvenationDisarmed,
    RejuvenationFailed,
    RejuvenationStarted,
    RunRepeated,
)

HOUR = 3600.0


def code(governor: Governor, server: str, now: float, *, urgent: bool = False) -> str | None:
    refusal = governor.refusal(server, now, urgent=urgent)
    return None if refusal is None else refusal.code


def once(governor: Governor, server: str, at: float, outcome: Outcome = "helped", seconds: float = 5.0) -> None:
    governor.begin(server, at)
    governor.end(server, at + seconds, outcome)


class TestRules:
    def test_distance_is_passed_by_what_is_urgent(self) -> None:
        governor = Governor(Rules(distance=60))
        once(governor, "a", 0.0)
        assert code(governor, "a", 30.0) == "distance"
        assert code(governor, "a", 30.0, urgent=True) is None
        assert code(governor, "b", 30.0) is None
        assert code(governor, "a", 65.0) is None

    def test_at_most_holds_even_if_urgent(self) -> None:
        governor = Governor(Rules(at_most=2))
        governor.begin("a", 0.0)
        assert code(governor, "b", 1.0) is None
        governor.begin("b", 1.0)
        assert code(governor, "c", 2.0, urgent=True) == "at-most"
        governor.end("a", 3.0, "undone")
        assert code(governor, "c", 4.0, urgent=True) is None

    def test_one_server_is_not_rejuvenated_twice_at_once(self) -> None:
        governor = Governor(Rules(at_most=5))
        governor.begin("a", 0.0)
        assert code(governor, "a", 1.0, urgent=True) == "at-most"

    def test_budget_slides(self) -> None:
        governor = Governor(Rules(budget=2, distance=0))
        once(governor, "a", 0.0)
        once(governor, "a", HOUR)
        refusal = governor.refusal("a", 2 * HOUR, urgent=True)
        assert refusal is not None
        assert (refusal.code, refusal.until) == ("budget", DAY_SECONDS)
        assert "2" in refusal.message
        assert "`budget`" in refusal.message
        assert code(governor, "a", DAY_SECONDS - 1) == "budget"
        assert code(governor, "a", DAY_SECONDS) is None

    @pytest.mark.parametrize("outcome", ["failed", "unhelpful"])
    def test_backoff_doubles_and_ends_in_disarming(self, outcome: Outcome) -> None:
        governor = Governor(Rules(distance=60, give_up_after=3))
        once(governor, "a", 0.0, outcome)
        assert code(governor, "a", 124.0, urgent=True) == "backoff"
        assert code(governor, "a", 125.0) is None
        once(governor, "a", 125.0, outcome)
        assert code(governor, "a", 130.0 + 239) == "backoff"
        assert code(governor, "a", 130.0 + 240) is None
        once(governor, "a", 370.0, outcome)
        assert code(governor, "a", 1e9, urgent=True) == "disarmed"
        assert code(governor, "b", 1e9) is None

    def test_success_ends_backoff(self) -> None:
        governor = Governor(Rules(distance=0))
        once(governor, "a", 0.0, "failed")
        once(governor, "a", 200.0, "helped")
        assert code(governor, "a", 206.0) is None

    def test_backoff_has_an_end(self) -> None:
        rules = Rules(longest_backoff=600.0, give_up_after=100)
        assert rules.pause(99) == 600.0

    def test_crash_loop_disarms(self) -> None:
        governor = Governor(Rules(give_up_after=2))
        once(governor, "a", 0.0)
        governor.died("a", 30.0)
        assert code(governor, "a", 100.0) == "backoff"
        once(governor, "a", 200.0, "helped")
        governor.died("a", 2000.0)
        assert code(governor, "a", 2100.0) is None, "long after"
        for at in (3000.0, 4000.0):
            governor.begin("a", at)
            governor.died("a", at + 1)
            governor.end("a", at + 5, "failed")
        assert code(governor, "a", 1e9) == "disarmed"


class TestDefaults:
    def test_twenty_seconds_are_twenty_seconds(self) -> None:
        options = PeriodicOptions.model_validate({"policy": "periodic", "every": "20s"})
        rules = Rules.of(options)
        assert rules.distance == 20
        assert rules.budget * 20 >= DAY_SECONDS

    def test_what_is_written_holds(self) -> None:
        table = {"policy": "periodic", "every": "1h", "distance": "10m", "budget": 5}
        rules = Rules.of(PeriodicOptions.model_validate(table))
        assert (rules.distance, rules.budget) == (600, 5)
        rules = Rules.of(PeriodicOptions.model_validate({"policy": "periodic", "every": "12h"}))
        assert (rules.distance, rules.budget) == (60, 24)


def simulated(
    rules: Rules, asks: Sequence[tuple[float, int, bool]], lengths: Sequence[float], outcomes: Sequence[Outcome]
) -> list[tuple[str, float, float]]:
    """What a governor lets begin of ``asks`` (gap, server, urgent): server, begin and end of each."""
    governor, now, done = Governor(rules), 0.0, list[tuple[str, float, float]]()
    ends: list[tuple[float, str, Outcome]] = []
    for number, (gap, server, urgent) in enumerate(asks):
        now += gap
        while ends and ends[0][0] <= now:
            at, name, outcome = heapq.heappop(ends)
            governor.end(name, at, outcome)
        name = f"s{server}"
        if governor.refusal(name, now, urgent=urgent) is None:
            governor.begin(name, now)
            end = now + lengths[number % len(lengths)]
            heapq.heappush(ends, (end, name, outcomes[number % len(outcomes)]))
            done.append((name, now, end))
    return done


ASKS = st.lists(st.tuples(st.floats(0.1, 7200.0), st.integers(0, 4), st.booleans()), min_size=1, max_size=300)
LENGTHS = st.lists(st.floats(0.0, 4000.0), min_size=1, max_size=5)
OUTCOMES = st.lists(st.sampled_from(["helped", "helped", "undone", "unhelpful", "failed"]), min_size=1, max_size=7)
RULES = st.builds(
    Rules,
    at_most=st.integers(1, 3),
    distance=st.floats(0.0, 3600.0),
    budget=st.integers(1, 6),
    longest_backoff=st.floats(60.0, 7200.0),
    give_up_after=st.integers(1, 100),
)


@given(rules=RULES, asks=ASKS, lengths=LENGTHS, outcomes=OUTCOMES)
def test_no_overlap_and_no_day_beyond_budget(
    rules: Rules, asks: list[tuple[float, int, bool]], lengths: list[float], outcomes: list[Outcome]
) -> None:
    done = simulated(rules, asks, lengths, outcomes)
    for _, begin, _ in done:
        assert sum(first <= begin < last for _, first, last in done) <= rules.at_most
    for name, begin, _ in done:
        day = [other for other in done if other[0] == name and begin - DAY_SECONDS < other[1] <= begin]
        assert len(day) <= rules.budget


def test_a_hundred_days_of_urgent_decisions() -> None:
    rules = Rules(at_most=1, distance=60, budget=5, give_up_after=10_000)
    asks = [(97.0, number % 3, True) for number in range(int(100 * DAY_SECONDS / 97))]
    done = simulated(rules, asks, [30.0, 600.0], ["helped", "failed"])
    assert len(done) <= 3 * 101 * 5
    assert all(before[2] <= after[1] for before, after in pairwise(done)), "one at a time"


class TestPast:
    @staticmethod
    def event(kind: type[Event], at: float, **keys: Any) -> Event:
        return kind(stamp=Stamp(1e9 + at, at), deployment="a", generation=1, **keys)  # type: ignore[call-arg]

    def test_as_the_governor_knew_it(self) -> None:
        rules = Rules(distance=10)
        governor = Governor(rules)
        events: list[Event] = []
        for at, outcome in ((0.0, "helped"), (500.0, "unhelpful"), (1000.0, "failed")):
            governor.begin("a", at)
            events.append(self.event(RejuvenationStarted, at))
            governor.end("a", at + 7, outcome)  # type: ignore[arg-type]
            kind = RejuvenationFailed if outcome == "failed" else RejuvenationCompleted
            events.append(self.event(kind, at + 7, seconds=7.0, outcome=outcome))
        assert past_of(events, 2000.0, lambda _: rules)["a"] == governor.past("a")
        assert past_of(events, DAY_SECONDS + 600.0, lambda _: rules)["a"].begun == (1000.0,)

    def test_unfinished_one_counts(self) -> None:
        past = past_of([self.event(RejuvenationStarted, 50.0)], 60.0)
        assert past["a"] == Past(begun=(50.0,), ended=50.0)

    def test_clock_of_this_boot(self) -> None:
        assert past_of([self.event(RejuvenationStarted, 50.0)], 0.0, shift=40.0)["a"].begun == (10.0,)

    def test_disarmed_stays_so(self) -> None:
        past = past_of([self.event(RejuvenationDisarmed, 5.0, why="three failures")], 10.0)
        assert Governor(Rules(), past).refusal("a", 20.0) is not None

    def test_other_runs_do_not_count(self) -> None:
        events = [
            self.event(RejuvenationStarted, 1.0),
            RejuvenationStarted(stamp=Stamp(0, 2), deployment="a", replica=2, generation=1),
            RunRepeated(stamp=Stamp(0, 3), deployment="a", attempt=2),
        ]
        assert past_of(events, 10.0)["a"] == Past()
        assert past_of(events, 10.0, replica=2)["a"].begun == (2.0,)

    def test_unknown_outcome_is_a_failure(self) -> None:
        events = [
            self.event(RejuvenationStarted, 1.0),
            self.event(RejuvenationCompleted, 2.0, seconds=1.0, outcome="of a later release"),
        ]
        assert past_of(events, 10.0)["a"].failures == 1
