"""Policies on series whose truth is known, at an accelerated clock."""

from __future__ import annotations

import numpy as np
import pytest

from aging.rejuvenation.base import Moment
from aging.rejuvenation.policies.periodic import Periodic, PeriodicOptions
from aging.rejuvenation.policies.threshold import Threshold, ThresholdOptions
from aging.rejuvenation.policies.trend import TrendOptions, TrendPolicy
from aging.stats import SeriesError
from aging.stats.sequential_watch import TrendWatch

MEMORY = "process_anon_swap_bytes"
HOUR = 3600.0


def test_periodic_waits_for_its_age() -> None:
    policy = Periodic(PeriodicOptions.model_validate({"policy": "periodic", "every": "1h"}))
    assert policy.decide(Moment(HOUR - 1)) is None
    assert policy.decide(Moment(HOUR)) is not None


def threshold() -> Threshold:
    table = {"policy": "threshold", "indicator": MEMORY, "above": 100.0, "window": "10s"}
    return Threshold(ThresholdOptions.model_validate(table))


def test_threshold_ignores_spike() -> None:
    policy = threshold()
    for age in range(30):
        policy.observe(float(age), {MEMORY: 1e6 if age == 25 else 50.0})
        assert policy.decide(Moment(float(age))) is None
    for age in range(30, 36):
        policy.observe(float(age), {MEMORY: 150.0})
    decision = policy.decide(Moment(35.0))
    assert decision is not None
    assert decision.numbers == {"median": 150.0, "above": 100.0}


def test_threshold_needs_full_window() -> None:
    policy = threshold()
    policy.observe(1.0, {MEMORY: 500.0})
    assert policy.decide(Moment(1.0)) is None
    policy.observe(20.0, {"other": 500.0})
    assert policy.decide(Moment(20.0)) is None


def trend(**changes: object) -> TrendPolicy:
    table = {"policy": "trend", "limit": 2e9, "within": "2h", "watch": "10h", **changes}
    return TrendPolicy(TrendOptions.model_validate(table))


def fired(policy: TrendPolicy, level: np.ndarray, step: float = 30.0) -> float | None:
    """The age at which the policy fires on ``level``, a value every ``step`` seconds."""
    for k, value in enumerate(level):
        age = k * step
        policy.observe(age, {MEMORY: float(value)})
        if policy.decide(Moment(age)):
            return age
    return None


def test_trend_fires_near_limit() -> None:
    hours = np.arange(0, 10, 30 / HOUR)
    noise = np.random.default_rng(3).normal(0, 1e6, hours.size)
    leak = 1e9 + 1e9 / 8 * hours + noise  # meets 2e9 after eight hours: due two hours before
    age = fired(trend(), leak)
    assert age is not None
    assert 5.5 * HOUR < age < 7.0 * HOUR


def test_trend_ignores_random_walk() -> None:
    false_alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        wander = np.zeros(1200)
        for k in range(1, wander.size):
            wander[k] = 0.95 * wander[k - 1] + rng.normal()
        false_alarms += fired(trend(limit=0.0, within="1000h"), wander) is not None
    assert false_alarms <= 4  # 5 % of 20 is 1; more than 4 has a chance of 0.3 %


def test_watch_restarts() -> None:
    rng = np.random.default_rng(5)
    flat = rng.normal(1e9, 1e6, 1300)
    leak = 1e9 + np.arange(1300) * 1e6 + rng.normal(0, 1e6, 1300)
    assert fired(trend(watch="5h", within="30m"), np.concatenate([flat, leak])) is not None


def test_watch_memory_is_bounded() -> None:
    watch = TrendWatch(planned=1000.0)
    for k in range(100_000):
        watch.add(k * 0.1, float(k))
    t, y = watch.blocks()
    assert 256 <= t.size <= 512
    assert np.all(np.diff(y) > 0)
    assert watch.slope() == pytest.approx(10.0, rel=1e-6)


def test_watch_looks_when_due() -> None:
    watch = TrendWatch(planned=100.0, looks=4)
    for k in range(100):
        watch.add(float(k), float(k))
    assert not watch.rising(24.9)
    assert watch.rising(75.0)
    assert not watch.rising(80.0), "no second look at the same time"
    assert watch.rising(100.0)
    assert watch.over


def test_invalid_plan_refused() -> None:
    with pytest.raises(SeriesError, match="positive length"):
        TrendWatch(planned=0.0)
