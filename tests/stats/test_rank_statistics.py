"""Kendall's S, Hamed–Rao and Sen's slope against published answers and O(n²) enumeration."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from aging.stats import SeriesError, hamed_rao, mann_kendall, sen_slope
from aging.stats.slope import pairwise_selection as selection_module
from aging.stats.slope.kendall import average_ranks
from aging.stats.slope.pairwise_selection import select_slopes

DATA = Path(__file__).parent / "data"
VECTORS: list[dict[str, Any]] = json.loads((DATA / "trend_vectors.json").read_text())["series"]
NEGATIVE = [3, 8, 1, 8, 0, 5, 5, 8, 2, 8, 6]


def test_nile(nile: np.ndarray) -> None:
    result = mann_kendall(nile)
    assert result.s == -1387
    assert result.var_s == pytest.approx(112728.3333, abs=1e-4)
    assert result.z == pytest.approx(-4.1280665228441, abs=1e-12)
    slope = sen_slope(np.arange(100), nile)
    assert (slope.slope, slope.low, slope.high) == pytest.approx(
        (-2.6, -3.62790697674419, -1.42857142857143), abs=1e-12
    )


def test_nile_hamed_rao(nile: np.ndarray) -> None:
    every, three = hamed_rao(np.arange(100), nile), hamed_rao(np.arange(100), nile, lags=3)
    assert (every.var_s, every.z) == pytest.approx((241565.3569166, -2.8199791956), abs=1e-7)
    assert three.var_s == pytest.approx(282111.4280782, abs=1e-7)


def test_rhine_at_maxau() -> None:
    y = np.loadtxt(DATA / "maxau.csv")
    assert (mann_kendall(y).s, mann_kendall(y).var_s) == (-394, 10450)
    slope = sen_slope(np.arange(45), y)
    assert (slope.slope, slope.low, slope.high) == pytest.approx(
        (-0.287613882372506, -0.419647678219428, -0.151902587519026), abs=1e-14
    )


def test_sulfate_uneven_dates() -> None:
    t, y = np.loadtxt(DATA / "epa_17_6_sulfate.csv", delimiter=",").T
    result = mann_kendall(y)
    assert (result.s, result.var_s) == (194, 1428)
    assert (result.z, result.p) == pytest.approx((5.107322, 3.267574e-07), rel=1e-6)
    slope = sen_slope(t, y)
    assert slope.slope == pytest.approx(26.6666667, abs=1e-7)
    assert slope.low == pytest.approx(20.0)
    # Gilbert (1987) interpolates at rank (N + C) / 2 + 1, of 253; the limit here is the whole rank beside it
    below, above = select_slopes(t, y, [163, 164])
    rank = (253 + float(norm.ppf(0.975)) * math.sqrt(1428)) / 2
    assert below + (rank - 163) * (above - below) == pytest.approx(35.71182, abs=1e-5)
    assert slope.high == above


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_known_series(vector: dict[str, Any]) -> None:
    y = np.array(vector["values"])
    t = np.arange(y.size)
    assert mann_kendall(y).s == vector["S"]
    assert mann_kendall(y).var_s == pytest.approx(vector["var_S"], rel=1e-12)
    assert hamed_rao(t, y).var_s == pytest.approx(vector["hamed_rao_var"], rel=1e-9)
    assert sen_slope(t, y).slope == pytest.approx(vector["sen_slope_per_step"], rel=1e-12)


def test_negative_corrected_variance() -> None:
    result = hamed_rao(np.arange(len(NEGATIVE)), NEGATIVE)
    assert result.var_s < 0
    assert math.isnan(result.z)
    assert math.isnan(result.p)
    assert result.note == "the corrected variance of S is not positive"


def series(least: int = 4, most: int = 60) -> st.SearchStrategy[tuple[np.ndarray, np.ndarray]]:
    """Uneven integer times with gaps, and values with many ties."""
    return st.integers(least, most).flatmap(
        lambda n: st.tuples(
            st.lists(st.integers(1, 50), min_size=n, max_size=n).map(lambda gaps: np.cumsum(gaps).astype(float)),
            st.lists(st.integers(-8, 8), min_size=n, max_size=n).map(lambda y: np.array(y) * 4096.0),
        )
    )


@given(series())
def test_s_by_enumeration(data: tuple[np.ndarray, np.ndarray]) -> None:
    _, y = data
    i, j = np.triu_indices(y.size, 1)
    assert mann_kendall(y).s == np.sign(y[j] - y[i]).sum()


@given(series())
def test_reversed_time(data: tuple[np.ndarray, np.ndarray]) -> None:
    t, y = data
    forward, backward = sen_slope(t, y), sen_slope(-t[::-1], y[::-1])
    assert (backward.slope, backward.low, backward.high) == (-forward.slope, -forward.high, -forward.low)
    assert mann_kendall(y[::-1]).s == -mann_kendall(y).s


@given(series(), st.integers(-1000, 1000), st.sampled_from([0.25, 0.5, 2.0, 1024.0]))
def test_shift_and_scale(data: tuple[np.ndarray, np.ndarray], shift: int, scale: float) -> None:
    t, y = data
    assert sen_slope(t + 7, y * scale + shift).slope == sen_slope(t, y).slope * scale
    assert mann_kendall(y * scale + shift) == mann_kendall(y)


@pytest.mark.parametrize("kind", ["continuous", "pages", "steps", "leak"])
def test_selected_slopes_by_enumeration(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection_module, "_DIRECT", 8)
    monkeypatch.setattr(selection_module, "_LISTED_PER_SAMPLE", 4)
    rng = np.random.default_rng(5)
    for _ in range(12):
        n = int(rng.integers(80, 200))
        t = np.sort(rng.choice(1000, n, replace=False)).astype(float)
        noise = rng.standard_normal(n)
        y = {
            "continuous": noise,
            "pages": np.round(noise) * 4096,
            "steps": np.floor(t / 300) * 4096,
            "leak": np.floor(0.1 * t + noise) * 4096,
        }[kind]
        i, j = np.triu_indices(n, 1)
        slopes = np.sort((y[j] - y[i]) / (t[j] - t[i]))
        ranks = [0, *np.sort(rng.integers(0, slopes.size, 6)).tolist(), slopes.size - 1]
        np.testing.assert_array_max_ulp(select_slopes(t, y, ranks), slopes[ranks])


def test_slope_across_gap() -> None:
    t = np.r_[np.arange(50.0), np.arange(1000.0, 1050.0)]
    assert sen_slope(t, 3 * t + 1).slope == pytest.approx(3)


def test_ties_mean_rank() -> None:
    assert average_ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


def test_unsorted_and_repeated_times() -> None:
    shuffled = sen_slope([3, 1, 2, 2, 0], [6, 2, 3, 5, 0])
    assert shuffled == sen_slope([0, 1, 2, 3], [0, 2, 4, 6])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([], "at least 3"),
        ([1, 2], "at least 3"),
        ([1, math.nan, 3], "1 values that are NaN"),
        ([1, math.inf, 3], "infinite"),
        (["a", "b", "c"], "must be numbers"),
        ([[1, 2], [3, 4]], "one dimension"),
    ],
)
def test_bad_input(y: list[Any], message: str) -> None:
    with pytest.raises(SeriesError, match=message):
        mann_kendall(y)


def test_unequal_lengths() -> None:
    with pytest.raises(SeriesError, match="equally many"):
        sen_slope([1, 2, 3], [1, 2])


@pytest.mark.parametrize(
    "seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.thorough) for seed in range(3, 20))]
)
def test_slopes_equal_up_to_rounding(seed: int) -> None:
    # Whole pages at whole hours: thousands of pairs share a slope, and residuals round their order away.
    rng = np.random.default_rng(seed)
    lost = np.cumsum(rng.poisson(0.5, 600) * rng.gamma(2.0, 0.5, 600))
    t = 3600.0 * np.arange(1, 601, dtype=np.float64)
    y = np.asarray(np.floor(lost / 300 * 40) * 4096, dtype=np.float64)
    i, j = np.triu_indices(600, 1)
    slopes = np.sort((y[j] - y[i]) / (t[j] - t[i]))
    middle = slopes.size // 2
    assert select_slopes(t, y, [middle])[0] == pytest.approx(slopes[middle], rel=1e-12)
