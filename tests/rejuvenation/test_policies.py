"""Policies on series whose truth is known, at an accelerated clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from aging.campaign.schema import RejuvenationOptions
from aging.rejuvenation.approach import Approach
from aging.rejuvenation.base import Decision, Moment, Policy, Subject
from aging.rejuvenation.kinds import options_of, policy_of
from aging.rejuvenation.load_trough import LoadHistory
from aging.stats import SeriesError
from aging.stats.sequential_watch import TrendWatch

MEMORY = "process_anon_swap_bytes"
HOUR = 3600.0
MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC).timestamp()


def made(table: Mapping[str, Any], subject: Subject = Subject()) -> Policy[Any]:  # noqa: B008 - frozen
    return policy_of(options_of(dict(table)), subject)


def first(
    policy: Policy[Any], values: Iterable[float], step: float = 1.0, *, indicator: str = MEMORY, wall: float = MIDNIGHT
) -> tuple[float, Decision] | None:
    """The age at which the policy fires on ``values``, one every ``step`` seconds, and its decision."""
    for count, value in enumerate(values, start=1):
        age = count * step
        policy.observe(age, {indicator: float(value)})
        decision = policy.decide(Moment(age, wall + age))
        if decision is not None:
            return age, decision
    return None


def test_never() -> None:
    assert first(made({"policy": "never"}), np.arange(1000.0) * 1e9) is None


class TestPeriodic:
    def test_waits_for_its_age(self) -> None:
        policy = made({"policy": "periodic", "every": "1h"})
        assert policy.decide(Moment(HOUR - 1)) is None
        decision = policy.decide(Moment(HOUR))
        assert decision is not None
        assert decision.numbers == {"age_seconds": HOUR, "due_seconds": HOUR, "every_seconds": HOUR}

    @pytest.mark.parametrize("stagger", [True, False])
    def test_six_deployments_never_together(self, stagger: bool) -> None:
        table = {"policy": "periodic", "every": "6h", "stagger": stagger}
        ages = []
        for index in range(6):
            policy = made(table, Subject(index=index, count=6))
            ages.append(next(hour for hour in range(1, 10) if policy.decide(Moment(hour * HOUR))))
        assert ages == ([6, 5, 4, 3, 2, 1] if stagger else [6] * 6)
        later = policy.renewed(Subject(index=5, count=6, generation=2))
        assert later.decide(Moment(6 * HOUR - 1)) is None
        assert later.decide(Moment(6 * HOUR)) is not None

    def test_action_without_a_new_generation(self) -> None:
        """Only the first term is shorter, also where a trim leaves the process as it is."""
        subject = Subject(index=1, count=2)
        policy = made({"policy": "periodic", "every": "6h"}, subject)
        assert policy.decide(Moment(3 * HOUR)) is not None
        assert policy.renewed(subject).decide(Moment(6 * HOUR - 1)) is None


class TestThreshold:
    TABLE: Mapping[str, Any] = {"policy": "threshold", "indicator": MEMORY, "above": 100.0, "window": "10s"}

    def test_ignores_spike(self) -> None:
        policy = made(self.TABLE)
        assert first(policy, [1e6 if age == 25 else 50.0 for age in range(30)]) is None
        for age in range(31, 37):
            policy.observe(float(age), {MEMORY: 150.0})
        decision = policy.decide(Moment(36.0))
        assert decision is not None
        assert not decision.urgent
        assert decision.numbers == {
            "median_bytes": 150.0,
            "above_bytes": 100.0,
            "below_bytes": 90.0,
            "window_seconds": 10.0,
        }

    def test_needs_full_window(self) -> None:
        policy = made(self.TABLE)
        policy.observe(1.0, {MEMORY: 500.0})
        assert policy.decide(Moment(1.0)) is None
        policy.observe(20.0, {"other": 500.0})
        assert policy.decide(Moment(20.0)) is None

    def test_hysteresis_outlasts_a_generation(self) -> None:
        policy = made(self.TABLE)
        assert first(policy, [150.0] * 20) is not None
        again = policy.renewed(Subject(generation=2))
        assert first(again, [150.0] * 50) is None, "the rejuvenation was of no use"
        assert again.missing([MEMORY]) is not None
        assert first(again, [95.0] * 20 + [150.0] * 20) is None, "not below 90"
        assert first(again.renewed(Subject(generation=3)), [80.0] * 20 + [150.0] * 20) is not None

    def test_share_of_the_limit(self) -> None:
        table = {**self.TABLE, "above": "80%"}
        blind = made(table)
        assert first(blind, [1e12] * 50) is None
        assert blind.missing([MEMORY]) is not None
        policy = made(table, Subject(limits={MEMORY: 1000.0}))
        assert policy.missing([MEMORY]) is None
        fired = first(policy, [790.0] * 20 + [850.0] * 20)
        assert fired is not None
        assert fired[1].numbers["above_bytes"] == 800.0
        assert fired[1].numbers["limit_bytes"] == 1000.0

    def test_at_the_limit_one_reading_is_enough(self) -> None:
        policy = made({**self.TABLE, "above": "80%"}, Subject(limits={MEMORY: 1000.0}))
        fired = first(policy, [500.0, 500.0, 960.0])
        assert fired is not None
        assert fired[0] == 3.0
        assert fired[1].urgent

    @pytest.mark.parametrize("wrong", [{"above": "5s"}, {"above": "120%"}, {"above": -1}, {"below": 200.0}])
    def test_refused(self, wrong: Mapping[str, Any]) -> None:
        with pytest.raises(ValidationError):
            options_of({**self.TABLE, **wrong})


class TestTrend:
    TABLE: Mapping[str, Any] = {"policy": "trend", "limit": 2e9, "within": "2h", "watch": "10h"}

    @staticmethod
    def leak(hours: float, to: float = 2e9, start: float = 1e9, step: float = 30.0, seed: int = 3) -> np.ndarray:
        t = np.arange(0, hours * HOUR, step)
        return start + (to - start) * t / (hours * HOUR) + np.random.default_rng(seed).normal(0, 1e6, t.size)

    def test_fires_by_the_earliest_time(self) -> None:
        fired = first(made(self.TABLE), self.leak(8), 30.0)
        assert fired is not None
        age, decision = fired
        assert 5.5 * HOUR < age < 7.0 * HOUR
        assert not decision.urgent
        numbers = decision.numbers
        assert numbers["earliest_seconds"] <= numbers["within_seconds"] == 2 * HOUR
        assert numbers["low_bytes_per_hour"] <= 1.25e8 <= numbers["high_bytes_per_hour"]
        assert numbers["p"] <= numbers["p_allowed"] == pytest.approx(0.05 / 20)

    def test_decision_stands_until_it_is_carried_out(self) -> None:
        policy, level = made(self.TABLE), self.leak(8)
        fired = first(policy, level, 30.0)
        assert fired is not None
        for later in (1.0, 30.0, 90.0):
            assert policy.decide(Moment(fired[0] + later)) is not None

    def test_no_trigger_far_from_the_limit(self) -> None:
        assert first(made({**self.TABLE, "limit": 5e9}), self.leak(8), 30.0) is None

    def test_backstop_on_a_step(self) -> None:
        fired = first(made({**self.TABLE, "warmup": "1h"}), [1e9] * 40 + [1.95e9])
        assert fired is not None
        assert (fired[0], fired[1].urgent) == (41.0, True)
        assert fired[1].numbers == {"level_bytes": 1.95e9, "limit_bytes": 2e9, "backstop_bytes": 1.9e9}

    def test_fast_leak_before_the_backstop(self) -> None:
        fired = first(made(self.TABLE), [1e9] * 600 + list(np.arange(1e9, 2.1e9, 5e7)))
        assert fired is not None
        age, decision = fired
        assert decision.urgent
        assert age <= 600 + 14, "the limit is reached after 21 s"
        assert decision.numbers["left_seconds"] <= decision.numbers["lead_seconds"]

    @pytest.mark.parametrize("constant", [10.0, 30.0, 120.0, 600.0])
    def test_warm_up_is_not_fast_leak(self, constant: float) -> None:
        step = max(constant / 60, 1.0)
        t = np.arange(step, 5 * constant, step)
        assert first(made(self.TABLE), 1.6e9 - 1.2e9 * np.exp(-t / constant), step) is None

    def test_one_step_is_not_fast_leak(self) -> None:
        assert first(made(self.TABLE), [8e8] * 100 + [1.7e9] * 300) is None

    def test_noise_that_remembers(self) -> None:
        false_alarms = 0
        for seed in range(10):
            rng = np.random.default_rng(seed)
            wander = np.zeros(600)
            for k in range(1, wander.size):
                wander[k] = 0.95 * wander[k - 1] + rng.normal()
            false_alarms += first(made({**self.TABLE, "within": "1000h"}), 1e9 + 1e6 * wander, 30.0) is not None
        assert false_alarms <= 3  # 5 % of 10 is 0.5; more than 3 has a chance of 0.1 %

    def test_watches_follow_each_other(self) -> None:
        flat = np.random.default_rng(5).normal(1e9, 1e6, 1300)
        values = np.concatenate([flat, self.leak(11)])
        assert first(made({**self.TABLE, "watch": "5h", "within": "4h"}), values, 30.0) is not None

    def test_limit_of_the_kernel(self) -> None:
        policy = made({"policy": "trend", "within": "2h"})
        assert first(policy, [1.95e9] * 3) is None
        assert policy.missing([MEMORY]) is not None
        policy.observe(4.0, {"limit_cgroup_memory_bytes": 2e9, "limit_cgroup_memory_room_bytes": 5e7})
        decision = policy.decide(Moment(4.0))
        assert policy.missing([MEMORY]) is None
        assert decision is not None
        assert decision.urgent

    @pytest.mark.parametrize("wrong", [{"limit": "5s"}, {"backstop": 1e9}, {"backstop": "0%"}, {"limit": "200%"}])
    def test_refused(self, wrong: Mapping[str, Any]) -> None:
        with pytest.raises(ValidationError):
            options_of({**self.TABLE, **wrong})


class TestApproach:
    def test_extrapolates_no_farther_than_it_saw(self) -> None:
        approach = Approach(60.0)
        for age in range(100):
            approach.see(float(age), 50.0 + max(age - 80, 0))
        assert approach.seconds_left(100.0) == np.inf, "19 seen, 31 left"
        for age in range(100, 106):
            approach.see(float(age), 50.0 + age - 80)
        assert approach.seconds_left(100.0) == pytest.approx(25.0)

    def test_below_its_highest_tip(self) -> None:
        approach = Approach(60.0)
        for age in range(400):
            approach.see(float(age), 40.0 + 2 * (age % 20))
        assert approach.seconds_left(90.0) == np.inf

    def test_readings_far_apart(self) -> None:
        approach = Approach(60.0)
        for age in range(0, 301, 60):
            approach.see(float(age), float(age))
        assert approach.seconds_left(330.0) == pytest.approx(30.0)


class TestObjectives:
    TABLE: Mapping[str, Any] = {"policy": "objectives", "requests_waiting": 5, "window": "60s", "warmup": "0s"}
    WAITING = "engine_requests_waiting"

    def test_sustained(self) -> None:
        assert first(made(self.TABLE), [9.0, 0.0] * 200, indicator=self.WAITING) is None
        fired = first(made(self.TABLE), [0.0] * 100 + [9.0] * 100, indicator=self.WAITING)
        assert fired is not None
        assert 150 <= fired[0] <= 160
        assert fired[1].numbers == {
            "window_seconds": 60.0,
            self.WAITING: 9.0,
            "engine_requests_waiting_bad_above": 5.0,
        }

    def test_load_that_stays_is_not_cured_twice(self) -> None:
        policy = made(self.TABLE)
        assert first(policy, [9.0] * 100, indicator=self.WAITING) is not None
        assert first(policy.renewed(Subject(generation=2)), [9.0] * 500, indicator=self.WAITING) is None
        better = policy.renewed(Subject(generation=2))
        assert first(better, [0.0] * 100 + [9.0] * 100, indicator=self.WAITING) is not None

    def test_downwards_and_all(self) -> None:
        policy = made({**self.TABLE, "slo_attainment": 0.9, "need": "all"})
        decisions = []
        for age in range(1, 300):
            policy.observe(float(age), {self.WAITING: 9.0})
            policy.observe(float(age), {"client_slo_attainment_ratio": 1.0 if age < 150 else 0.5})
            decisions.append(policy.decide(Moment(float(age))))
        assert all(one is None for one in decisions[:150])
        assert decisions[-1] is not None
        assert decisions[-1].numbers["client_slo_attainment_ratio_bad_below"] == 0.9

    def test_missing(self) -> None:
        table = {**self.TABLE, "ttft_p99": "2s"}
        assert made(table).missing([]) is not None
        assert made(table).missing([self.WAITING]) is None, "any is enough"
        assert made({**table, "need": "all"}).missing([self.WAITING]) is not None

    def test_needs_a_signal(self) -> None:
        with pytest.raises(ValidationError):
            options_of({"policy": "objectives"})


class TestWindow:
    INNER: Mapping[str, Any] = {"policy": "threshold", "indicator": MEMORY, "above": "80%", "window": "1s"}
    LIMITED = Subject(limits={MEMORY: 1000.0})

    def table(self, **keys: Any) -> dict[str, Any]:
        return {"policy": "window", "inner": dict(self.INNER), **keys}

    @pytest.mark.parametrize(
        ("between", "begin"), [(["02:00", "05:00"], 2), (["22:00", "01:00"], 22), (["23:30", "00:30"], 23.5)]
    )
    def test_waits_for_the_time_of_day(self, between: list[str], begin: float) -> None:
        policy = made(self.table(between=between), self.LIMITED)
        fired = first(policy, [850.0] * 2000, 60.0, wall=MIDNIGHT + HOUR)
        assert fired is not None
        assert fired[0] == pytest.approx((begin - 1) * HOUR, abs=61)
        assert fired[1].numbers["waited_seconds"] == pytest.approx(fired[0], abs=121)

    def test_urgent_passes_at_once(self) -> None:
        fired = first(made(self.table(between=["02:00", "05:00"]), self.LIMITED), [960.0] * 5, wall=MIDNIGHT + 9 * HOUR)
        assert fired is not None
        assert fired[1].urgent
        assert fired[0] <= 2

    def test_waits_no_longer_than_that(self) -> None:
        policy = made(self.table(between=["02:00", "05:00"], longest_wait="1h"), self.LIMITED)
        fired = first(policy, [850.0] * 500, 60.0, wall=MIDNIGHT + 9 * HOUR)
        assert fired is not None
        assert fired[0] == pytest.approx(HOUR, abs=121)

    def test_trough_of_the_load(self) -> None:
        policy = made(self.table(below="50%"), self.LIMITED)
        fired = None
        for minute in range(1, 3000):
            age, load = minute * 60.0, 10.0 + 8.0 * np.sin(2 * np.pi * minute / 1440)
            policy.observe(age, {"engine_requests_running": load, MEMORY: 850.0 if minute > 1500 else 100.0})
            fired = policy.decide(Moment(age, MIDNIGHT + age))
            if fired is not None:
                break
        assert fired is not None
        assert fired.numbers["load"] < 0.5 * fired.numbers["usual_load"]
        assert minute > 2160, "after the peak"

    def test_history_outlasts_a_generation(self) -> None:
        policy = made(self.table(below="50%"), self.LIMITED)
        for minute in range(1, 600):
            policy.observe(minute * 60.0, {"engine_requests_running": 10.0})
            policy.decide(Moment(minute * 60.0, MIDNIGHT + minute * 60.0))
        policy = policy.renewed(Subject(generation=2, limits={MEMORY: 1000.0}))
        begin = MIDNIGHT + 36_000
        for age in range(1, 1000):
            values = {"engine_requests_running": 1.0, MEMORY: 100.0 if age < 10 else 850.0}
            policy.observe(float(age), values)
            if policy.decide(Moment(float(age), begin + age)):
                return
        pytest.fail("the load before the rejuvenation was forgotten")

    @pytest.mark.parametrize(
        "wrong",
        [
            {},
            {"between": ["2", "5"]},
            {"between": ["02:00", "02:00"]},
            {"between": ["02:00", "24:00"]},
            {"below": 5},
            {"below": "50%", "inner": {"policy": "window", "below": "50%", "inner": {"policy": "never"}}},
            {"below": "50%", "inner": {"policy": "never", "budget": 3}},
            {"below": "50%", "inner": {"policy": "no-such"}},
            {"below": "50%", "inner": 5},
        ],
    )
    def test_refused(self, wrong: Mapping[str, Any]) -> None:
        with pytest.raises(ValidationError):
            options_of({**self.table(), **wrong})

    def test_what_it_reads(self) -> None:
        options: RejuvenationOptions = options_of(self.table(below="50%"))
        assert options.reads == {"inner.indicator": MEMORY, "load_indicator": "engine_requests_running"}
        assert options.shares == {"inner.above": MEMORY}


def test_history_of_a_counter() -> None:
    history = LoadHistory(counter=True)
    for second in range(0, 7200, 10):
        history.see(MIDNIGHT + second, 5.0 * (second % 3600))  # a process that starts again each hour
    assert history.usual() == pytest.approx(5.0)
    assert history.now(MIDNIGHT + 7190) == pytest.approx(5.0)
    assert history.now(MIDNIGHT + 9000) is None


class TestWatch:
    def test_memory_is_bounded(self) -> None:
        watch = TrendWatch(planned=1000.0)
        for k in range(100_000):
            watch.add(k * 0.1, float(k))
        t, y = watch.blocks()
        assert 256 <= t.size <= 512
        assert np.all(np.diff(y) > 0)

    def test_looks_when_due(self) -> None:
        watch = TrendWatch(planned=288.0, looks=4)
        assert watch.times == pytest.approx([1.0, 288 ** (1 / 3), 288 ** (2 / 3), 288.0])
        rng = np.random.default_rng(2)
        for k in range(1, 2881):
            watch.add(k * 0.1, 1e3 + k + rng.normal())
        assert watch.look(0.9) is None, "none is due"
        rise = watch.look(100.0)
        assert rise is not None
        assert (rise.look, rise.level) == (3, 0.0125)
        assert watch.look(200.0) is None, "no second look at the same time"
        assert not watch.over
        assert watch.look(288.0) is not None
        assert watch.over

    @pytest.mark.parametrize(("planned", "alpha"), [(0.0, 0.05), (10.0, 0.0), (10.0, 1.0)])
    def test_invalid_plan_refused(self, planned: float, alpha: float) -> None:
        with pytest.raises(SeriesError):
            TrendWatch(planned=planned, alpha=alpha)
