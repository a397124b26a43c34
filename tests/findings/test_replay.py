"""The replay of policies on a recorded series."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aging.findings.rejuvenation.replay import Candidate, Downtime, Path, best_in_hindsight, extended, joined, replay
from aging.rejuvenation.governor import Rules
from aging.rejuvenation.policies.cost_optimal import CostOptimal, CostOptimalOptions
from aging.rejuvenation.policies.periodic import Periodic, PeriodicOptions
from aging.stats.renewal.optimum import Costs

COSTS, DOWN = Costs(1.0, 20.0), Downtime(0.0, 0.0)
FREE = Rules(distance=0.0, budget=1_000_000)


def line(lifetimes: float = 10.0, step: float = 10.0) -> Path:
    """A leak of 100 in 1,000 s from a level of 50, limit 150."""
    t = np.arange(0.0, lifetimes * 1000 + step / 2, step)
    return Path("process_fds", t, 50 + t / 10, 50.0, 150.0, t.size)


def periodic(age: float, rules: Rules = FREE) -> Candidate:
    options = PeriodicOptions.model_validate({"policy": "periodic", "every": f"{age}s"})
    return Candidate("periodic", lambda subject: Periodic(options, subject), rules)


def test_never_crashes_once_a_lifetime() -> None:
    found = replay(line(), Candidate("never", lambda _: None, FREE), COSTS, DOWN)
    assert (found.restarts, found.crashes, found.cost) == (0, 9, 180.0)
    assert found.peak == 150.0


def test_periodic_before_and_after_the_limit() -> None:
    before, after = (replay(line(), periodic(age), COSTS, DOWN) for age in (500.0, 1500.0))
    assert (before.restarts, before.crashes) == (19, 0)
    assert before.peak == pytest.approx(100.0, abs=2)
    assert (after.restarts, after.crashes) == (0, 9)


def test_downtime_is_counted_and_does_not_grow() -> None:
    found = replay(line(), periodic(500.0), COSTS, Downtime(100.0, 300.0))
    assert found.restarts == 16
    assert found.down_seconds == 1600.0


def test_the_governor_refuses() -> None:
    assert replay(line(), periodic(500.0, Rules(distance=0.0, budget=3)), COSTS, DOWN).restarts == 3


def test_hindsight_is_the_cheapest_age() -> None:
    age, found = best_in_hindsight(line(), periodic, COSTS, DOWN, (300.0, 900.0, 1200.0, 1e9))
    assert age == 900.0
    assert (found.restarts, found.crashes) == (11, 0)


@pytest.mark.thorough
def test_cost_optimal_is_near_hindsight() -> None:
    options = CostOptimalOptions.model_validate(
        {"policy": "cost-optimal", "indicator": "process_fds", "limit": 150, "cost_restart": 1, "cost_crash": 20}
    )
    path = line()
    noisy = Path(path.indicator, path.t, path.y + np.random.default_rng(1).normal(0, 1, path.t.size), 50, 150, 5)
    found = replay(noisy, Candidate("co", lambda subject: CostOptimal(options, subject), FREE), COSTS, DOWN)
    _, best = best_in_hindsight(noisy, periodic, COSTS, DOWN, np.linspace(500, 1100, 25).tolist())
    assert found.crashes == 0
    assert found.cost <= 1.1 * best.cost + 1


def test_generations_are_joined_without_their_restarts() -> None:
    t = np.arange(100.0)
    times, levels = joined([(t, 10 + t), (t, 10 + t)])
    assert levels[-1] - levels[0] == pytest.approx(198, abs=3)
    assert np.all(np.diff(times) == 1.0)


def test_extension_goes_on_at_the_rate() -> None:
    t = np.arange(0.0, 200.0)
    y = 5 + 0.5 * t + np.random.default_rng(0).normal(0, 1, t.size)
    times, levels = extended(t, y, 0.5, 2000.0, 500)
    assert times[-1] == pytest.approx(2000, abs=5)
    assert np.polyfit(times, levels, 1)[0] == pytest.approx(0.5, abs=0.01)
    assert levels[: t.size].tolist() == y.tolist()
    later = levels[t.size :] - 0.5 * times[t.size :]
    assert later.std() == pytest.approx(1.0, rel=0.25)
    assert extended(t, y, 0.5, 100.0, 500)[0] is t


def test_costs_per_second() -> None:
    found = replay(line(), periodic(500.0), COSTS, DOWN)
    assert found.cost_rate == pytest.approx(19 / 10_000)
    assert math.isfinite(found.cost_rate)
