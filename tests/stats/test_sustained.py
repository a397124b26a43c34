"""Whether growth goes on: every rule by itself."""

from __future__ import annotations

import numpy as np
import pytest

from aging.stats import trend_test
from aging.stats.growth.sawtooth import is_sawtooth
from aging.stats.growth.sustained import LEAST_GROWTH, Growth, assess_growth
from tests.stats.signals import autoregressive
from tests.stats.test_evidence import N, X, losses

NOISE = autoregressive(np.random.default_rng(0), N, 0.5)


def code(growth: Growth) -> str | None:
    return None if growth.reason is None else growth.reason.code


def test_flat() -> None:
    assert assess_growth(X, NOISE, 10.0).decision == "flat"
    assert assess_growth(X, -X, 1.0).decision == "flat"


def test_settled() -> None:
    y = 100 * (1 - np.exp(-X / 20)) + 0.1 * NOISE
    assert assess_growth(X, y, 1.0).decision == "settled"
    assert assess_growth(X, y, 100.0).decision == "flat"


def test_growth_in_the_last_fifth_is_neither() -> None:
    y = 0.01 * NOISE + np.where(X > 500, 0.5 * (X - 500), 0.0)
    assert assess_growth(X, y, 10.0).decision not in ("flat", "settled")


def test_line() -> None:
    found = assess_growth(X, losses(0, X))
    assert (found.sustained, code(found), found.longer) == (True, None, None)
    assert found.current is not None
    assert found.current.low > 0


def test_line_after_a_warm_up() -> None:
    found = assess_growth(X, losses(0, 0.5 * (1 - np.exp(-X / 30)) + X / N))
    assert (found.decision, code(found)) == ("sustained", "after_warmup")


def test_line_under_noise() -> None:
    assert assess_growth(X, X / N + 0.02 * NOISE).sustained


@pytest.mark.parametrize(("resolution", "decision"), [(1, "sustained"), (80, "undecided"), (600, "flat")])
def test_least_growth(resolution: float, decision: str) -> None:
    found = assess_growth(X, losses(0, X, 300), resolution)
    assert found.decision == decision
    assert code(found) == ("small_growth" if decision == "undecided" else None)


def test_length_for_small_growth() -> None:
    y = losses(0, X, 300)
    found = assess_growth(X, y, 100)
    assert found.longer is None
    assert found.at_least is not None
    grown = float(y[-1] - y[30])
    assert found.at_least == pytest.approx(LEAST_GROWTH * 100 / grown, rel=0.1)


def test_few_rises_are_not_sustained() -> None:
    y = np.interp(X, [0, 300, 310, N], [0, 0, 100, 100]) + 1e-3 * X
    assert not assess_growth(X, y).sustained


@pytest.mark.parametrize(("course", "least"), [(np.log(X + 1), 0), (1 - np.exp(-X / 60), 5)])
def test_growth_that_slows_down(course: np.ndarray, least: int) -> None:
    decisions = [assess_growth(X, losses(seed, course)).decision for seed in range(8)]
    assert decisions.count("decelerating") >= least  # of a logarithm the end alone does not show it
    assert "sustained" not in decisions


def test_growth_that_ended() -> None:
    y = np.minimum(X, 240.0) + 0.2 * NOISE
    found = assess_growth(X, y)
    assert found.decision == "decelerating"
    assert found.current is not None
    assert found.current.low <= 0


def test_no_net_growth() -> None:
    y = np.where(X < N / 2, -X, 0.8 * X - 0.9 * N) + NOISE
    assert assess_growth(X, y).decision == "none"


def test_undecided() -> None:
    found = [assess_growth(X, losses(seed, X**0.6, 150)) for seed in range(8)]
    undecided = [one for one in found if one.decision == "undecided"]
    assert len(undecided) >= 4
    assert {code(one) for one in undecided} == {"growth_open"}
    assert all(one.longer is None or one.longer > 1 for one in undecided)


def test_few_samples() -> None:
    found = assess_growth(X[:10], X[:10])
    assert (found.decision, code(found), found.current) == ("undecided", "few_samples", None)


def test_few_collections() -> None:
    y = 0.1 * X + X % 110
    found = assess_growth(X, y)
    assert (found.decision, code(found)) == ("undecided", "few_collections")


def test_floor_of_a_sawtooth() -> None:
    assert assess_growth(X, X / N + 0.3 * (X % 60) / 60).sustained
    assert not assess_growth(X, 0.3 * (X % 60) / 60 + 1e-3 * NOISE).sustained


@pytest.mark.parametrize("share", [0.85, 0.9, 0.93])
def test_a_cache_that_is_full_at_the_end(share: float) -> None:
    """Linear until it is full, then flat to the end, under a little noise."""
    for seed in range(4):
        y = np.minimum(X, share * N) * 1e6 + 5e4 * np.random.default_rng(seed).standard_normal(X.size)
        assert not assess_growth(X, y, 262_144.0).sustained


def test_growth_that_slows_down_in_its_last_quarter() -> None:
    """Slow for a fifth, steady until three quarters, then its rate falls: the whole looks faster than it ends."""
    share = X / N
    rate = np.where(share < 0.2, 0.4, np.where(share < 0.75, 1.0, np.exp(-(share - 0.75) / 0.25)))
    assert not any(assess_growth(X, losses(seed, np.cumsum(rate) / N)).sustained for seed in range(4))


def test_a_leak_beneath_a_long_warm_up_is_no_all_clear() -> None:
    """A warm-up six times as large, a tenth of the series long, and a steady leak whose rate is plainly above zero."""
    course = 6 * (1 - np.exp(-X / 60)) + X / N
    assert {assess_growth(X, losses(seed, course, 7000)).decision for seed in range(4)} == {"undecided"}


def test_noise_is_no_sawtooth() -> None:
    assert not is_sawtooth(NOISE)
    assert is_sawtooth(X % 20 + 0.1 * NOISE)


def test_noisy_latency_that_grows() -> None:
    """22 % of noise, 600 ms an hour, a sample a second for ten minutes: sustained, not a sawtooth without a floor."""
    t = np.arange(600.0)
    for seed in range(4):
        y = 100 * (1 + 0.22 * np.random.default_rng(seed).standard_normal(t.size)) + 600 / 3600 * t
        assert trend_test(t, y).verdict == "aging"
