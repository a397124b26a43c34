"""What must hold of any series: enumeration, and what shifting, scaling, reversing and reordering may not change."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from aging.stats import (
    growth_exponent,
    mann_kendall,
    pool,
    sen_slope,
    sen_slope_autocorrelated,
    series_har,
    stouffer,
    trend_test,
)
from aging.stats.multiple.pooling import Method

Series = tuple[np.ndarray, np.ndarray]

SCALES = st.sampled_from([2.0**-10, 0.5, 4096.0])
"""Powers of two: exact, so that ties stay ties and equality is equality."""


@st.composite
def series(draw: st.DrawFn, least: int = 2, most: int = 200) -> Series:
    """Uneven times with gaps, and values in few or many whole pages, with or without a trend."""
    n, levels, slope = (
        draw(st.integers(least, most)),
        draw(st.sampled_from([1, 2, 5, 10_000])),
        draw(st.integers(-2, 2)),
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    gaps = np.where(rng.random(n) < 0.1, rng.integers(1, 500, n), rng.integers(1, 4, n))
    pages = rng.integers(0, levels, n) + slope * levels * np.arange(n) // n
    return np.cumsum(gaps).astype(float), pages * 4096.0


def enumerated(t: np.ndarray, y: np.ndarray) -> tuple[int, float, np.ndarray]:
    """S, its variance under ties, and all pairwise slopes in order, by definition."""
    i, j = np.triu_indices(t.size, 1)
    s = int(np.sign(y[j] - y[i]).sum())
    n, ties = t.size, Counter(y.tolist()).values()
    variance = (n * (n - 1) * (2 * n + 5) - sum(k * (k - 1) * (2 * k + 5) for k in ties)) / 18
    return s, variance, np.sort((y[j] - y[i]) / (t[j] - t[i]))


@given(series(least=3))
def test_kendall_and_sen_by_enumeration(data: Series) -> None:
    t, y = data
    s, variance, slopes = enumerated(t, y)
    result, found = mann_kendall(y), sen_slope(t, y)
    assert result.s == s
    assert result.var_s == pytest.approx(variance, rel=1e-12)
    half = min(float(norm.ppf(0.975)) * math.sqrt(variance), slopes.size)
    low = max(round((slopes.size - half) / 2) - 1, 0)
    high = min(round((slopes.size + half) / 2), slopes.size - 1)
    np.testing.assert_array_max_ulp(
        np.array([found.slope, found.low, found.high]), np.array([np.median(slopes), slopes[low], slopes[high]])
    )


@given(series(least=12), SCALES, st.integers(-(2**20), 2**20), SCALES, st.integers(-1000, 1000))
def test_units_and_origins(data: Series, scale: float, shift: int, seconds: float, began: int) -> None:
    t, y = data
    other_t, other_y = t * seconds + began, y * scale + shift * scale
    assert mann_kendall(other_y) == mann_kendall(y)
    assert series_har(other_y) == series_har(y)
    for interval in (sen_slope, sen_slope_autocorrelated):
        one, other = interval(t, y), interval(other_t, other_y)
        per = scale / seconds
        assert [other.slope, other.low, other.high] == pytest.approx(
            [one.slope * per, one.low * per, one.high * per], rel=1e-9, abs=1e-9 * per * 4096
        )


@given(series(least=12))
def test_reversal_flips_sign(data: Series) -> None:
    t, y = data
    forward = mann_kendall(y)
    for there, values in ((-t[::-1], y[::-1]), (t, -y)):
        back = mann_kendall(values)
        assert (back.s, back.var_s, back.z, back.p) == (-forward.s, forward.var_s, -forward.z, forward.p)
        one, other = sen_slope(t, y), sen_slope(there, values)
        assert (other.slope, other.low, other.high) == (-one.slope, -one.high, -one.low)
    one_p, other_p = series_har(y), series_har(-y)
    assert (other_p.s, other_p.p) == pytest.approx((-one_p.s, one_p.p), rel=1e-6, abs=1e-12)


@given(series(least=12, most=120), st.integers(0, 2**32))
def test_sample_order(data: Series, seed: int) -> None:
    t, y = data[0] // 3 * 3, data[1]  # some share a time
    order = np.random.default_rng(seed).permutation(t.size)
    assert sen_slope(t[order], y[order]) == sen_slope(t, y)
    if np.unique(t).size < 12:
        return
    assert sen_slope_autocorrelated(t[order], y[order]) == sen_slope_autocorrelated(t, y)


@given(series(least=12, most=120), st.sampled_from([np.exp2, np.cbrt, np.arctan]))
def test_rank_invariance(data: Series, curve: np.ufunc) -> None:
    y = data[1] / 4096 / max(np.abs(data[1]).max() / 4096, 1)
    bent = curve(y)
    if np.unique(bent).size == np.unique(y).size:
        assert mann_kendall(bent) == mann_kendall(y)
        assert series_har(bent) == series_har(y)


@given(series(least=12, most=60), SCALES, st.integers(-(2**20), 2**20))
def test_verdict_unit_invariance(data: Series, scale: float, shift: int) -> None:
    t, y = data
    one, other = trend_test(t, y), trend_test(t, (y + shift) * scale)
    assert (other.verdict, other.direction, other.shape, other.n) == (one.verdict, one.direction, one.shape, one.n)
    assert other.p == pytest.approx(one.p, rel=1e-9)
    assert other.slope == pytest.approx(one.slope * scale, rel=1e-9)


@given(st.integers(0, 2**32), SCALES)
def test_exponent_unit_invariance(seed: int, scale: float) -> None:
    t = np.arange(1.0, 201)
    y = np.cumsum(np.random.default_rng(seed).poisson(3.0, 200)) * np.float64(4096)
    one, other = growth_exponent(t, y, 10.0), growth_exponent(t * scale, y * scale, 10.0 * scale)
    assert one is not None
    assert other is not None
    assert (other.b, other.low, other.high) == pytest.approx((one.b, one.low, one.high), abs=1e-6)


REPLICAS = st.lists(
    st.tuples(st.floats(-1e3, 1e3), st.floats(0.01, 1e2)).map(lambda one: (round(one[0], 3), round(one[1], 3))),
    min_size=1,
    max_size=12,
)
METHODS = st.sampled_from(["dersimonian-laird", "hartung-knapp"])


@given(REPLICAS, METHODS, st.integers(0, 2**32))
def test_replica_order(replicas: list[tuple[float, float]], method: Method, seed: int) -> None:
    given = np.array(replicas)
    shuffled = np.random.default_rng(seed).permutation(given)
    one, other = (pool(rows[:, 0], rows[:, 1], method=method) for rows in (given, shuffled))
    numbers, others = dataclasses.asdict(one), dataclasses.asdict(other)
    weights, moved = numbers.pop("weights"), others.pop("weights")
    assert others == pytest.approx(numbers, rel=1e-9, abs=1e-9, nan_ok=True)
    assert sorted(moved) == pytest.approx(sorted(weights), rel=1e-9, abs=1e-9)
    assert stouffer(shuffled[:, 0], shuffled[:, 1]) == pytest.approx(stouffer(given[:, 0], given[:, 1]))


@given(REPLICAS, METHODS, st.integers(-100, 100), SCALES)
def test_pooling_shift_and_scale(replicas: list[tuple[float, float]], method: Method, shift: int, scale: float) -> None:
    slopes, errors = (np.array(column) for column in zip(*replicas, strict=True))
    one = pool(slopes, errors, method=method)
    moved, scaled = pool(slopes + shift, errors, method=method), pool(slopes * scale, errors * scale, method=method)
    turned = pool(-slopes, errors, method=method)
    rounding = 1e-9 * float(np.abs(slopes).max() + abs(shift) + errors.max())
    assert [moved.slope, moved.low, moved.high, moved.se] == pytest.approx(
        [one.slope + shift, one.low + shift, one.high + shift, one.se], rel=1e-9, abs=rounding
    )
    assert (moved.tau2, moved.q) == pytest.approx((one.tau2, one.q), rel=1e-6, abs=1e-6)
    assert [scaled.slope, scaled.low, scaled.high] == pytest.approx(
        [scale * value for value in (one.slope, one.low, one.high)], rel=1e-9
    )
    assert (scaled.p, scaled.i2, scaled.q) == pytest.approx((one.p, one.i2, one.q), rel=1e-9, abs=1e-12)
    assert (turned.slope, turned.low, turned.high, turned.p) == (-one.slope, -one.high, -one.low, one.p)


@given(REPLICAS, METHODS)
def test_pooled_slope_bounds(replicas: list[tuple[float, float]], method: Method) -> None:
    slopes, errors = (np.array(column) for column in zip(*replicas, strict=True))
    pooled = pool(slopes, errors, method=method)
    assert slopes.min() - 1e-9 <= pooled.slope <= slopes.max() + 1e-9
    assert pooled.low < pooled.slope < pooled.high
    assert 0 <= pooled.i2 <= 100
    assert pooled.se >= 1 / math.sqrt(float((1 / errors**2).sum())) * (1 - 1e-9)
