"""The age of restart that costs least, against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import gamma, ndtr

from aging.stats import SeriesError
from aging.stats.renewal.growth_lifetime import GrowthLifetime, optimum_of_growth
from aging.stats.renewal.growth_record import GrowthRecord
from aging.stats.renewal.observed_lifetimes import complete, kaplan_meier, optimum_of_lifetimes
from aging.stats.renewal.optimum import Costs, cost_rate, cost_rate_never, optimum
from aging.stats.renewal.survival import Survival

COSTS = Costs(1.0, 20.0)


def weibull(shape: float) -> Survival:
    ages = np.append(0.0, np.geomspace(1e-3, 60.0 if shape == 1 else 6.0, 6000))
    return ended(Survival.tabulated(lambda t: np.exp(-(t**shape)), ages))


def ended(survival: Survival) -> Survival:
    """Without the last bit of probability of never failing."""
    return Survival(survival.t, survival.before, np.append(survival.after[:-1], 0.0))


class TestOptimum:
    @pytest.mark.parametrize("shape", [1.5, 2.0, 3.0, 8.0])
    def test_weibull(self, shape: float) -> None:
        """The optimum solves h(T) * integral of S - F(T) = c_r / (c_f - c_r); its cost is (c_f - c_r) h(T)."""

        def excess(age: float) -> float:
            served = quad(lambda x: math.exp(-(x**shape)), 0, age)[0]
            return float(shape * age ** (shape - 1) * served - (1 - math.exp(-(age**shape))) - 1 / 19)

        exact = brentq(excess, 1e-4, 5.0)
        found = optimum(weibull(shape), COSTS)
        assert found.seconds == pytest.approx(exact, rel=2e-3)
        assert found.cost_rate == pytest.approx(19 * shape * exact ** (shape - 1), rel=1e-5)
        assert found.never == pytest.approx(20 / gamma(1 + 1 / shape), rel=1e-4)
        assert found.flat[0] < exact < found.flat[1]
        for edge in found.flat:
            assert cost_rate(weibull(shape), COSTS, np.array([edge]))[0] <= 1.05 * found.cost_rate * (1 + 1e-9)
        assert found.pays

    def test_uniform_lifetime_is_exact(self) -> None:
        """S is linear: C's minimum solves a quadratic equation, to the last digits."""
        survival = Survival(np.array([0.0, 10.0]), np.array([1.0, 0.0]), np.array([1.0, 0.0]))
        k = 1 / 19
        exact = 10 * (math.sqrt(k * k + 2 * k) - k)  # of u^2 / 2 + k u - k = 0, u = T / 10
        assert optimum(survival, COSTS).seconds == pytest.approx(exact, rel=1e-9)

    def test_exponential_has_none(self) -> None:
        found = optimum(weibull(1.0), COSTS)
        assert math.isinf(found.seconds)
        assert not found.pays
        assert found.cost_rate == pytest.approx(20.0, rel=1e-4)

    def test_certain_lifetime(self) -> None:
        """The restart comes just before it."""
        found = optimum(Survival.stepped(np.array([50.0]), np.zeros(1)), COSTS)
        assert (found.seconds, found.cost_rate, found.crashes) == (50.0, 1 / 50, 0.0)
        assert found.flat[0] == pytest.approx(50 / 1.05, rel=0.01)

    def test_crash_no_dearer_than_restart(self) -> None:
        assert not optimum(weibull(3.0), Costs(2.0, 2.0)).pays

    def test_never_failing_costs_nothing(self) -> None:
        some = Survival.stepped(np.array([5.0]), np.array([0.5]))
        assert cost_rate_never(some, COSTS) == 0.0
        assert math.isinf(optimum(some, COSTS).seconds)

    @pytest.mark.parametrize(("restart", "crash"), [(0.0, 1.0), (1.0, math.inf), (-1.0, 2.0), (math.nan, 1.0)])
    def test_costs_refused(self, restart: float, crash: float) -> None:
        with pytest.raises(SeriesError):
            Costs(restart, crash)


class TestSurvival:
    def test_between_the_ages(self) -> None:
        s = Survival.stepped(np.array([2.0, 4.0]), np.array([0.75, 0.25]))
        assert s.before_age(np.array([1.0, 2.0, 3.0, 4.0, 9.0])).tolist() == [1.0, 1.0, 0.75, 0.75, 0.25]
        assert s.served(np.array([1.0, 2.0, 3.0, 6.0])).tolist() == [1.0, 2.0, 2.75, 4.0]
        assert (s.quantile(0.1), s.quantile(0.5)) == (2.0, 4.0)
        assert math.isinf(s.quantile(0.9))
        assert math.isinf(s.mean)

    def test_mixture_is_the_mean(self) -> None:
        parts = [weibull(2.0), Survival.stepped(np.array([1.0]), np.zeros(1))]
        ages = np.array([0.3, 0.999, 1.0, 1.5])
        mixed = Survival.mixture(parts)
        assert mixed.before_age(ages) == pytest.approx(
            np.mean([one.before_age(ages) for one in parts], axis=0), abs=1e-6
        )
        assert mixed.mean == pytest.approx(np.mean([one.mean for one in parts]), rel=1e-5)

    def test_rising_is_refused(self) -> None:
        with pytest.raises(SeriesError):
            Survival(np.array([0.0, 1.0]), np.array([1.0, 0.5]), np.array([1.0, 0.6]))


class TestLifetimes:
    def test_kaplan_meier_by_hand(self) -> None:
        s = kaplan_meier([1, 2, 2, 3, 4], [True, True, False, True, False])
        assert s.after.tolist() == pytest.approx([1.0, 0.8, 0.6, 0.3])
        assert s.t.tolist() == [0.0, 1.0, 2.0, 3.0]

    def test_total_time_on_test(self) -> None:
        """Of a complete sample: the steepest line from (-c_r / (c_f - c_r), 0) to the scaled total time on test."""
        x = np.sort(np.random.default_rng(3).weibull(3.0, 40))
        total = np.cumsum(np.diff(np.append(0.0, x)) * np.arange(x.size, 0, -1))
        slopes = total / total[-1] / (np.arange(x.size) / x.size + 1 / 19)
        found = optimum_of_lifetimes(x.tolist(), [True] * x.size, COSTS)
        assert found.seconds == pytest.approx(x[int(np.argmax(slopes))])
        assert found.low <= found.seconds <= found.high

    @pytest.mark.thorough
    def test_interval_holds_the_optimum(self) -> None:
        exact = 0.29777
        held = 0
        for seed in range(6):
            x = np.random.default_rng(seed).weibull(3.0, 60)
            found = optimum_of_lifetimes(x.tolist(), [True] * x.size, COSTS)
            held += found.low <= exact <= found.high
        assert held >= 3  # 75 % are held

    def test_restarted_ones_count_as_longer(self) -> None:
        cut = complete([5.0, 5.0, 9.0], [False, False, True])
        assert cut.before_age(np.array([8.9]))[0] == 1.0

    @pytest.mark.parametrize("seconds", [[], [0.0], [-1.0], [math.nan]])
    def test_refused(self, seconds: list[float]) -> None:
        with pytest.raises(SeriesError):
            kaplan_meier(seconds, [True] * len(seconds))


class TestGrowth:
    def test_quantiles_are_those_of_the_rate(self) -> None:
        s = GrowthLifetime(100.0, 1000.0, 2.0, 1.0, 5.0).survival()
        assert s.quantile(0.5) == pytest.approx(600.0, rel=1e-4)
        assert s.quantile(0.025) == pytest.approx(300.0, rel=1e-3)
        assert s.quantile(0.975) == pytest.approx(1100.0, rel=1e-3)

    def test_rates_of_zero_and_below_never_fail(self) -> None:
        s = GrowthLifetime(0.0, 10.0, 1.0, -1.0, 3.0).survival()
        assert s.never == pytest.approx(float(ndtr(-1.959964 / 2)), abs=0.01)
        assert not optimum_of_growth([GrowthLifetime(0.0, 10.0, 1.0, -1.0, 3.0)], COSTS).pays

    def test_a_known_rate_is_a_certain_lifetime(self) -> None:
        found = optimum_of_growth([GrowthLifetime(0.0, 100.0, 2.0, 2.0, 2.0)], COSTS)
        assert (found.seconds, found.low, found.high) == (50.0, 50.0, 50.0)

    def test_wider_limits_restart_earlier(self) -> None:
        ages = [
            optimum_of_growth([GrowthLifetime(0.0, 100.0, 1.0, 1 - w, 1 + w)], COSTS).seconds for w in (0.01, 0.1, 0.4)
        ]
        assert ages == sorted(ages, reverse=True)
        assert ages[0] > 97

    def test_the_dearer_the_crash_the_earlier(self) -> None:
        growth = [GrowthLifetime(0.0, 100.0, 1.0, 0.8, 1.2)]
        ages = [optimum_of_growth(growth, Costs(1.0, crash)).seconds for crash in (3.0, 20.0, 500.0)]
        assert ages == sorted(ages, reverse=True)

    def test_record_of_a_line_with_noise(self) -> None:
        rng = np.random.default_rng(1)
        record = GrowthRecord()
        for age in range(3000):
            record.add(float(age), 100 + 0.1 * age + rng.normal(0, 1))
        assert record.blocks()[0].size <= 256
        found = record.lifetime(3000.0, 500.0)
        assert found is not None
        assert found.low <= 0.1 <= found.high
        assert 90 < found.left < 100  # 100 to the line, less the highest peak
        assert record.fresh == pytest.approx(100 + 0.1 * 75, abs=2)

    def test_margin_of_a_staircase(self) -> None:
        record = GrowthRecord()
        for age in range(100):
            record.add(float(age), float(10 * (age // 20)))
        assert record.margin(100.0, COSTS) >= 10.0
