"""The policy `cost-optimal`, alone and replayed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from pydantic import ValidationError

from aging.rejuvenation.base import Decision, Lifetime, Moment, Subject
from aging.rejuvenation.policies.cost_optimal import CostOptimal, CostOptimalOptions

INDICATOR = "process_anon_swap_bytes"


def options(**keys: object) -> CostOptimalOptions:
    given = {"policy": "cost-optimal", "limit": 1000.0, "cost_restart": 1, "cost_crash": 20} | keys
    return CostOptimalOptions.model_validate(given)


def first_decision(policy: CostOptimal, levels: Sequence[float], step: float = 10.0) -> tuple[float, Decision] | None:
    for k, level in enumerate(levels):
        age = k * step
        policy.observe(age, {INDICATOR: float(level)})
        decision = policy.decide(Moment(age, age))
        if decision is not None:
            return age, decision
    return None


def leak(n: int = 400, noise: float = 5.0) -> list[float]:
    rng = np.random.default_rng(5)
    return [float(level) for level in np.arange(n) * 4.0 + rng.normal(0, noise, n)]


def test_restarts_shortly_before_the_limit() -> None:
    grown = np.cumsum(np.random.default_rng(4).exponential(4.0, 400))  # a drift: its rate is not known well
    met = 10.0 * int(np.argmax(grown >= 1000))
    found = first_decision(CostOptimal(options()), grown.tolist())
    assert found is not None
    age, decision = found
    assert 0.75 * met < age < met
    assert not decision.urgent
    numbers = decision.numbers
    assert numbers["low_seconds"] <= numbers["optimum_seconds"] <= numbers["high_seconds"]
    assert numbers["rate_bytes_per_hour"] == pytest.approx(0.4 * 3600, rel=0.2)
    assert numbers["cost_per_hour"] > 0


def test_dearer_crash_is_earlier() -> None:
    ages = []
    for crash in (3, 1000):
        found = first_decision(CostOptimal(options(cost_crash=crash)), leak(noise=20.0))
        assert found is not None
        ages.append(found[0])
    assert ages[1] < ages[0]


def test_no_growth_never_fires() -> None:
    rng = np.random.default_rng(2)
    assert first_decision(CostOptimal(options()), (500 + rng.normal(0, 5, 600)).tolist()) is None


def test_step_to_the_limit_is_urgent() -> None:
    found = first_decision(CostOptimal(options()), [100.0] * 5 + [995.0])
    assert found is not None
    assert found[1].urgent


def test_without_readings_it_never_fires() -> None:
    policy = CostOptimal(options())
    policy.observe(0.0, {"process_fds": 1e9})
    assert policy.decide(Moment(1e9)) is None


def test_earlier_failures_give_the_age() -> None:
    ended = tuple(Lifetime(300.0 + k, failed=True) for k in range(5))
    found = first_decision(CostOptimal(options(), Subject(lifetimes=ended)), [100.0] * 60)
    assert found is not None
    assert found[0] == pytest.approx(300, abs=10)
    assert found[1].numbers["optimum_seconds"] == pytest.approx(300.0)


def test_least_age() -> None:
    ended = tuple(Lifetime(300.0 + k, failed=True) for k in range(5))
    found = first_decision(CostOptimal(options(least="400s"), Subject(lifetimes=ended)), [100.0] * 60)
    assert found is not None
    assert found[0] == 400.0


def test_limit_as_a_size() -> None:
    assert options(limit="8GiB").limit.number == 8 * 2**30


def test_share_of_a_limit() -> None:
    policy = CostOptimal(options(limit="80%"), Subject(limits={INDICATOR: 1250.0}))
    found = first_decision(policy, leak())
    assert found is not None
    assert found[1].numbers["limit_bytes"] == 1000.0
    unknown = CostOptimal(options(limit="80%"))
    assert first_decision(unknown, leak()) is None
    assert "80%" in (unknown.missing([INDICATOR]) or "")
    assert options(limit="80%").shares == {"limit": INDICATOR}


def test_jumps_of_earlier_generations_are_kept() -> None:
    first = CostOptimal(options())
    assert first_decision(first, [100.0] * 5 + [400.0] * 3) is None
    grown = [100.0, 100.0, 705.0]  # less than the largest step, 300, is left
    assert first_decision(first.renewed(Subject(generation=2)).renewed(Subject(generation=3)), grown) is not None
    assert first_decision(first.renewed(Subject(generation=2)), [100.0, 100.0, 100.0]) is None


def test_a_death_near_the_limit_is_a_step_over_it() -> None:
    first = CostOptimal(options())
    assert first_decision(first, [100.0] * 5 + [110.0] * 3) is None
    first.observe(90.0, {INDICATOR: 700.0})
    died = (Lifetime(95.0, failed=True),)
    assert first_decision(first.renewed(Subject(generation=2, lifetimes=died)), [100.0, 100.0, 450.0]) is not None


@pytest.mark.parametrize(
    "keys",
    [
        {"limit": "8"},
        {"limit": 0},
        {"limit": "8s"},
        {"limit": -1},
        {"cost_crash": 1},
        {"cost_restart": 0},
        {"cost_crash": float("inf")},
    ],
)
def test_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        options(**keys)
