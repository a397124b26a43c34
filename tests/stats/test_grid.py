"""The time grid, counters and the given warm-up."""

from __future__ import annotations

import numpy as np
import pytest

from aging.stats import SeriesError, drop_warmup, median_grid, quantile_grid, rate_grid, trend_test


def test_median_grid() -> None:
    centres, medians = median_grid([0, 1, 9, 11, 35, 36], [5, 1, 3, 7, 1, 2], 10)
    assert centres.tolist() == [5, 15, 35]
    assert medians.tolist() == [3, 7, 1.5]


def test_unknown_values() -> None:
    centres, medians = median_grid([0, 1, 2, 11], [5, np.nan, 7, np.inf], 10)
    assert (centres.tolist(), medians.tolist()) == ([5], [6])


def test_quantile_grid() -> None:
    rng = np.random.default_rng(0)
    t, y = rng.uniform(0, 100, 500), rng.exponential(1, 500)
    centres, q95 = quantile_grid(t, y, 20, 0.95)
    expected = [np.quantile(y[(t >= c - 10) & (t < c + 10)], 0.95) for c in centres]
    np.testing.assert_allclose(q95, expected)


def test_rate_any_sampling() -> None:
    t = np.sort(np.random.default_rng(1).uniform(0, 1000, 400))
    centres, rates = rate_grid(t, 3 * t, 60)
    np.testing.assert_allclose(rates, 3)
    assert np.all(np.diff(centres) == 60)


@pytest.mark.parametrize("rate", [0.1, 1 / 3, 1234.567])
@pytest.mark.parametrize("start", [0.0, 0.3, 7.0])
def test_constant_rate(rate: float, start: float) -> None:
    t = start + np.arange(3000.0)
    centres, rates = rate_grid(t, rate * t, 60)
    assert np.ptp(rates) == 0
    assert rates[0] == pytest.approx(rate)
    trend = trend_test(centres, rates)
    assert (trend.verdict, trend.shape, trend.p) == ("stable", "constant", 1.0)


def test_changing_rate() -> None:
    t = np.arange(3000.0)
    _, rates = rate_grid(t, 0.1 * t + 1e-10 * np.maximum(t - 1500, 0), 60)
    assert np.ptp(rates) == pytest.approx(1e-10, rel=0.01)
    assert np.unique(rates[:25]).size == 1


def test_rate_of_one_sample() -> None:
    centres, rates = rate_grid([3.0], [5.0], 60)
    assert (centres.size, rates.size) == (0, 0)


def test_counter_reset() -> None:
    t = np.arange(0.0, 101.0)
    counter = np.where(t <= 50, 2 * t, 2 * (t - 50))
    _, rates = rate_grid(t, counter, 10)
    np.testing.assert_allclose(rates, 2)


def test_counter_gap() -> None:
    t = np.r_[np.arange(0.0, 20.0), np.arange(60.0, 80.0)]
    centres, _ = rate_grid(t, t, 10)
    assert centres.tolist() == [5, 15, 65, 75]


def test_empty() -> None:
    for grid in (median_grid, rate_grid):
        centres, values = grid([], [], 10)
        assert (centres.size, values.size) == (0, 0)


@pytest.mark.parametrize("step", [0.0, -1.0, float("nan")])
def test_step_not_positive(step: float) -> None:
    with pytest.raises(SeriesError, match="positive"):
        median_grid([1], [1], step)


def test_drop_warmup() -> None:
    t, y = drop_warmup([0, 10, 20, 30], [1, 2, 3, 4], 15)
    assert (t.tolist(), y.tolist()) == ([20, 30], [3, 4])
