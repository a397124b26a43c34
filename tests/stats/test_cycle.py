"""Daily cycles beside a slow growth, and a climb that ends at its maximum."""

from __future__ import annotations

import numpy as np
import pytest

from aging.stats import trend_test
from aging.stats.growth.standstill import outlasts, standstill
from aging.stats.series.cycle import DAY, without_cycle

RNG = np.random.default_rng(7)
T = np.arange(0.0, 10 * DAY, 1800.0)
LEAK = 3.0 * T / 3600
SWING = 400 * np.sin(2 * np.pi * T / DAY) + RNG.normal(0, 30, T.size)


def test_leak_beneath_a_daily_cycle() -> None:
    cycle, rest = without_cycle(T, LEAK + SWING)
    assert cycle is not None
    assert cycle.period == DAY
    assert cycle.height == pytest.approx(800, rel=0.05)
    found = trend_test(T, rest)
    assert found.verdict == "aging"
    assert found.low * 3600 < 3 < found.high * 3600
    assert (found.high - found.low) * 3600 < 0.5
    assert trend_test(T, LEAK + SWING).verdict != "aging"


def test_two_periods_are_enough() -> None:
    kept = T <= 2 * DAY
    cycle, _ = without_cycle(T[kept], (LEAK + SWING)[kept])
    assert cycle is not None


@pytest.mark.parametrize(
    "y",
    [
        np.cumsum(RNG.normal(0, 1, T.size)),
        RNG.normal(0, 1, T.size),
        LEAK,
        np.full(T.size, 2.0),
        T % 7200 / 7200,
    ],
    ids=["random walk", "noise", "leak", "constant", "sawtooth"],
)
def test_no_cycle(y: np.ndarray) -> None:
    assert without_cycle(T, y)[0] is None
    assert np.array_equal(without_cycle(T, y)[1], y)


def test_standstill_at_the_maximum() -> None:
    t = np.arange(100.0)
    found = standstill(t, np.minimum(t, 60.0))
    assert found is not None
    assert (found.index, found.since, found.level) == (60, 60.0, 60.0)


@pytest.mark.parametrize("y", [np.arange(100.0), np.full(100, 4.0), np.minimum(np.arange(100.0), 95.0)])
def test_no_standstill(y: np.ndarray) -> None:
    assert standstill(np.arange(100.0), y) is None


def test_single_samples_do_not_end_a_standstill() -> None:
    t = np.arange(100.0)
    y = np.minimum(t, 60.0)
    y[[70, 85]] += 1
    found = standstill(t, y)
    assert found is not None
    assert (found.since, found.level) == (60.0, 60.0)


@pytest.mark.parametrize("width", [5, 13, 20, 45, 90, 180])
def test_last_step_of_a_staircase_is_no_end(width: int) -> None:
    t = np.arange(720.0)
    y = t // width
    found = standstill(t, y)
    assert found is None or not outlasts(t, y, found)


def test_steps_at_random_are_no_end() -> None:
    for seed in range(40):
        t = np.arange(720.0)
        y = np.cumsum(np.random.default_rng(seed).random(720) < 1 / 40).astype(float)
        found = standstill(t, y)
        assert found is None or not outlasts(t, y, found)


def test_end_of_a_staircase() -> None:
    t = np.arange(720.0)
    y = np.minimum(t, 360.0) // 20
    found = standstill(t, y)
    assert found is not None
    assert outlasts(t, y, found)
