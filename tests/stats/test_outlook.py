"""Whether a limit is reached within a horizon: the law of the bounds, and series whose future is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from aging.stats import Course, Exponent, SeriesError, Trend, outlook, trend_test

GIB, MIB, PAGE = 2.0**30, 2.0**20, 4096.0
HOUR, DAY = 3600.0, 86_400.0
RESOLUTION = 64 * PAGE
STEADY = Course(level=GIB, rate=1e3, low=9e2, high=1.1e3, start=360.0, end=7200.0, span=7200.0, power=None)


def observed(values: np.ndarray, window: float = 2 * HOUR, resolution: float = RESOLUTION) -> Trend:
    t = window * np.arange(1, values.size + 1) / values.size
    return trend_test(t, np.round(values / PAGE) * PAGE, resolution=resolution)


def course_of(values: np.ndarray, window: float = 2 * HOUR) -> Course:
    found = observed(values, window).course
    assert found is not None
    return found


def noisy(grown: float, seed: int = 1) -> np.ndarray:
    """1 GiB and growth at a constant rate under noise of 2 % of it."""
    rng = np.random.default_rng(seed)
    return GIB + grown * np.arange(1, 241) / 240 + 0.02 * grown * rng.standard_normal(240)


class TestLaw:
    def test_safe_only_at_twice_the_rate(self) -> None:
        left = 2 * STEADY.high * DAY
        assert outlook(STEADY, GIB + 1.01 * left, DAY).answer == "safe"
        near = outlook(STEADY, GIB + 0.99 * left, DAY)
        assert near.answer == "undecided"
        assert near.earliest == pytest.approx(0.99 * DAY)

    def test_without_a_power_nothing_says_that_growth_goes_on(self) -> None:
        assert outlook(STEADY, GIB + 1e5, DAY).answer == "undecided"
        constant = replace(STEADY, power=Exponent(1.0, 1.0, 1.0))
        found = outlook(constant, GIB + 1e5, DAY)
        assert found.answer == "exhausts"
        assert found.earliest == pytest.approx(1e5 / STEADY.high)
        assert found.latest == pytest.approx(1e5 / STEADY.low)

    def test_lower_bound_slows_down_by_the_lowest_power(self) -> None:
        square_root = replace(STEADY, power=Exponent(0.75, 0.5, 1.0))
        left = 5e6
        window = STEADY.end - STEADY.start
        share = left / (STEADY.low * window) * (STEADY.end**0.5 - STEADY.start**0.5)
        assert outlook(square_root, GIB + left, 30 * DAY).latest == pytest.approx(
            (STEADY.end**0.5 + share) ** 2 - STEADY.end
        )
        saturating = replace(STEADY, power=Exponent(-0.5, -0.8, -0.2))
        assert math.isinf(outlook(saturating, GIB + 1e9, 30 * DAY).latest)

    def test_upper_bound_rises_to_four_times_unless_acceleration_is_seen(self) -> None:
        horizon, left = 30 * DAY, 4 * STEADY.high * 30 * DAY
        open_ = replace(STEADY, power=Exponent(1.5, 0.9, 2.1))
        seen = replace(STEADY, power=Exponent(1.5, 1.3, 1.7))
        assert outlook(open_, GIB + 1.01 * left, horizon).answer == "safe"
        assert outlook(open_, GIB + 0.99 * left, horizon).answer == "undecided"
        assert outlook(seen, GIB + 1.01 * left, horizon).answer != "safe"

    def test_most_is_what_safe_allows(self) -> None:
        found = outlook(STEADY, 64 * GIB, DAY)
        assert found.most == pytest.approx(2 * STEADY.high * DAY)
        assert found.left == 63 * GIB

    def test_limit_reached_already(self) -> None:
        found = outlook(STEADY, GIB / 2, DAY)
        assert (found.answer, found.earliest, found.latest) == ("exhausts", 0.0, 0.0)

    def test_longer_decides(self) -> None:
        wide = replace(STEADY, low=-2e3, high=4e3, power=Exponent(1.0, 0.5, 1.5))
        found = outlook(wide, GIB + 6e3 * DAY, DAY)
        assert found.answer == "undecided"
        assert found.longer is not None
        assert 0 < found.longer <= DAY
        half_way = STEADY.rate * 1.5 * 30 * DAY
        assert outlook(STEADY, GIB + half_way, 30 * DAY).longer is None

    @pytest.mark.parametrize(("limit", "horizon"), [(math.nan, DAY), (GIB, 0.0), (GIB, math.inf)])
    def test_bad_input(self, limit: float, horizon: float) -> None:
        with pytest.raises(SeriesError, match="horizon"):
            outlook(STEADY, limit, horizon)


class TestSeries:
    def test_leak_exhausts_when_it_does(self) -> None:
        found = outlook(course_of(noisy(717 * MIB * 2)), 64 * GIB, 30 * DAY)
        left = 63 * GIB - 717 * MIB * 2
        when = left / (717 * MIB / HOUR)
        assert found.answer == "exhausts"
        assert found.earliest < when < found.latest < 30 * DAY

    def test_small_leak_is_safe(self) -> None:
        found = outlook(course_of(noisy(10 * MIB)), 64 * GIB, 30 * DAY)
        assert found.answer == "safe"
        assert found.most > 360 * 10 * MIB

    def test_safe_where_the_verdict_is_inconclusive(self) -> None:
        trend = observed(GIB + 20 * MIB * np.random.default_rng(3).standard_normal(24).cumsum().repeat(10) / 24)
        assert trend.verdict == "inconclusive"
        assert trend.course is not None
        assert outlook(trend.course, 64 * GIB, DAY).answer == "safe"

    def test_unseen_growth_counts(self) -> None:
        silent = course_of(np.full(240, GIB))
        assert silent.high == pytest.approx(RESOLUTION / silent.span)
        assert outlook(silent, 64 * GIB, 30 * DAY).answer == "safe"
        assert outlook(silent, GIB + 100 * MIB, 30 * DAY).answer == "undecided"

    def test_falling_series_does_not_grow(self) -> None:
        falling = course_of(2 * GIB - noisy(100 * MIB) / 2)
        assert falling.rate < 0
        assert falling.high == 0

    def test_constant_series_of_unknown_resolution(self) -> None:
        assert trend_test(np.arange(1.0, 100.0), np.full(99, 7.5)).course is None

    def test_a_step_may_come_again(self) -> None:
        step = course_of(GIB + np.where(np.arange(240) > 80, 100 * MIB, 0.0))
        assert step.high * 2 * HOUR > 5 * 100 * MIB  # 99.5 % limit of one event: 7.4
        assert outlook(step, 64 * GIB, 30 * DAY).answer == "undecided"
        assert outlook(step, 64 * GIB, DAY).answer == "safe"

    def test_axis_of_work(self) -> None:
        t = 30.0 * np.arange(1, 241)
        rng = np.random.default_rng(5)
        requests = np.cumsum(rng.poisson(30 * (1 + (np.arange(240) // 40) % 2 * 3)))
        y = np.round((GIB + 16_384.0 * requests) / PAGE) * PAGE
        trend = trend_test(t, y, work={"requests": requests}, resolution=RESOLUTION)
        assert trend.axis == "requests"
        assert trend.course is not None
        late = (y[-1] - y[120]) / (t[-1] - t[120])
        assert trend.course.rate == pytest.approx(late, rel=0.05)
        assert trend.course.end == pytest.approx(requests[-1] / trend.per_second)
