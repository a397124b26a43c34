"""Differences of independent estimates, against textbook results and under noise that remembers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from aging.stats import SeriesError, sen_slope_autocorrelated
from aging.stats.difference.request_values import quantile_of, rate_of, share_of
from aging.stats.difference.uncertain import Uncertain, mean_of, of_limits, pooled, slope
from aging.stats.difference.welch import difference, itself


class TestWelch:
    def test_against_scipy(self) -> None:
        rng = np.random.default_rng(5)
        first, second = rng.normal(0, 1, 7), rng.normal(1, 3, 5)
        expected = stats.ttest_ind(second, first, equal_var=False)
        interval = expected.confidence_interval(0.95)
        found = difference(mean_of(first), mean_of(second))
        assert found.p == pytest.approx(expected.pvalue)
        assert found.freedom == pytest.approx(expected.df)
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high))

    def test_asymmetric_limits_stay_so(self) -> None:
        found = difference(Uncertain(0.0, 0.0, 0.0, math.inf), Uncertain(10.0, 1.0, 4.0, math.inf))
        assert found.high - 10 == pytest.approx(4 * (10 - found.low))

    @pytest.mark.parametrize("value", [-3.0, 3.0])
    def test_p_and_interval_agree(self, value: float) -> None:
        for error in (1.0, 1.2, 1.4, 1.6):
            found = difference(Uncertain(0.0, error, error, 8.0), Uncertain(value, error / 2, error / 2, 20.0))
            assert (found.p < 0.05) == (not found.low <= 0 <= found.high)

    def test_no_noise(self) -> None:
        nothing = Uncertain(1.0, 0.0, 0.0, math.inf)
        assert difference(nothing, nothing).p == 1.0
        assert difference(nothing, Uncertain(2.0, 0.0, 0.0, math.inf)).p == 0.0

    def test_unbounded_side(self) -> None:
        found = difference(Uncertain(1.0, 0.1, math.inf, 8.0), Uncertain(5.0, 0.1, 0.1, 8.0))
        assert found.low == -math.inf
        assert math.isfinite(found.high)
        assert found.p == 1.0

    def test_paired(self) -> None:
        found = itself(of_limits(2.0, 1.0, 3.0, 8.0))
        assert (found.low, found.high) == pytest.approx((1.0, 3.0))
        assert found.p < 0.05


class TestUncertain:
    def test_slope_has_the_limits_of_the_findings(self) -> None:
        rng = np.random.default_rng(3)
        t = np.arange(100.0)
        for y in (0.02 * t + rng.normal(0, 1, 100), 2.0 * t + rng.normal(0, 1, 100), rng.normal(0, 1, 100)):
            expected, found = sen_slope_autocorrelated(t, y), slope(t, y)
            assert (found.value, *found.limits()) == pytest.approx((expected.slope, expected.low, expected.high))

    def test_constant(self) -> None:
        assert slope(np.arange(20.0), np.full(20, 7.0)) == Uncertain(0.0, 0.0, 0.0, math.inf)

    def test_one_replica_is_itself(self) -> None:
        one = Uncertain(3.0, 1.0, 2.0, 8.0)
        assert pooled([one]) is one

    def test_replicas_have_k_less_one_degrees_of_freedom(self) -> None:
        found = pooled([Uncertain(value, 1.0, 1.0, 8.0) for value in (9.0, 10.0, 14.0)])
        assert found.freedom == 2.0
        assert 9 < found.value < 14

    def test_replicas_without_noise(self) -> None:
        exact = [Uncertain(value, 0.0, 0.0, math.inf) for value in (1.0, 2.0, 3.0)]
        found = pooled(exact)
        assert (found.value, found.freedom) == (2.0, 2.0)
        assert found.below == found.above == pytest.approx(1 / math.sqrt(3))

    def test_none(self) -> None:
        with pytest.raises(SeriesError):
            pooled([])


def cells_of(n: int, cells: int) -> np.ndarray:
    return np.arange(n) * cells // n


class TestRequestValues:
    def test_quantile_covers(self) -> None:
        """The median of log-normal latencies that a slow host scales together: 95 % intervals, 200 campaigns."""
        held = 0
        for seed in range(200):
            rng = np.random.default_rng(seed)
            host = np.zeros(200)
            for place in range(1, 200):
                host[place] = 0.8 * host[place - 1] + rng.normal(0, 0.6)
            cell = cells_of(2000, 200)
            found = quantile_of(np.exp(0.1 * host[cell] + 0.3 * rng.normal(size=2000)), cell, 200, 0.5)
            low, high = found.limits()
            held += low <= 1.0 <= high
        assert 0.90 <= held / 200 <= 0.99

    def test_no_upper_bound_of_a_far_quantile(self) -> None:
        values = np.random.default_rng(1).exponential(size=40)
        assert quantile_of(values, cells_of(40, 20), 20, 0.99).above == math.inf

    def test_none_failed_is_not_known_to_be_none(self) -> None:
        found = share_of(np.zeros(600, dtype=bool), cells_of(600, 30), 30)
        low, high = found.limits()
        assert (found.value, low) == (0.0, 0.0)
        assert 0.003 < high < 0.02

    def test_share_allows_for_bursts(self) -> None:
        cell = cells_of(600, 30)
        rng = np.random.default_rng(2)
        alone = share_of(rng.random(600) < 0.1, cell, 30)
        burst = share_of(np.isin(cell, (3, 4, 5)), cell, 30)
        assert alone.value == pytest.approx(burst.value, abs=0.03)
        assert burst.above > 1.5 * alone.above

    def test_rate(self) -> None:
        found = rate_of(np.ones(600), cells_of(600, 30), 30, 60.0)
        assert found.value == 10.0
        assert found.above == pytest.approx(0.0, abs=1e-12)

    @pytest.mark.parametrize(("values", "cells"), [(29, 20), (100, 11)])
    def test_too_few(self, values: int, cells: int) -> None:
        with pytest.raises(SeriesError):
            rate_of(np.ones(values), cells_of(values, cells), cells, 60.0)
