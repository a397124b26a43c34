"""The primary test, the interval and the shape of series with known truth."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import stdtr

from aging.core import plugins
from aging.stats import SeriesError, classify_shape, sen_slope_autocorrelated, series_har, trend_tests
from aging.stats.noise.autoregression import autoregressive_autocorrelation
from aging.stats.noise.fractional import fractional_autocorrelation, memory
from aging.stats.noise.har_variance import slope_variance
from aging.stats.noise.models import detrend, inflation, models
from aging.stats.slope.kendall import average_ranks
from aging.stats.trend_tests.base import TrendTest
from tests.stats.signals import autoregressive, fractional_noise, separate_losses

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "trend_vectors.json").read_text())[
    "series"
]


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_known_series(vector: dict[str, Any]) -> None:
    y = np.array(vector["values"])
    assert np.sign(series_har(y).s) == vector["direction"]
    slope, residuals = detrend(average_ranks(y))
    rhos = [autoregressive_autocorrelation(model.phi, y.size) for model in models(residuals)]
    z = slope / math.sqrt(slope_variance(residuals, rhos, 8))
    assert 2 * stdtr(8, -abs(z)) == pytest.approx(vector["rank_har_p_two_sided"], rel=1e-9)
    found = sen_slope_autocorrelated(np.arange(y.size), y)
    assert [found.low, found.high] == pytest.approx(vector["ci95_autocorrelated"], rel=1e-12)
    assert inflation(rhos[1]) == pytest.approx(vector["variance_inflation"], rel=1e-9)


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_p_by_matrices(vector: dict[str, Any]) -> None:
    y = np.array(vector["values"])
    n = y.size
    index = np.arange(n)
    cosines = [np.cos(np.pi * j * (index + 0.5) / n) for j in range(1, 13)]
    basis, _ = np.linalg.qr(np.column_stack([index**0, index, *cosines]))
    projections = basis[:, 1:].T @ average_ranks(y)
    _, residuals = detrend(average_ranks(y))
    rhos = [autoregressive_autocorrelation(model.phi, n) for model in models(residuals)]
    if (d := memory(residuals, models(residuals))) is not None:
        rhos.append(fractional_autocorrelation(d, n))
    variances = []
    for rho in rhos:
        given = np.diag(basis[:, 1:].T @ rho[np.abs(np.subtract.outer(index, index))] @ basis[:, 1:])
        variances.append(given[0] * np.mean(projections[1:] ** 2 / given[1:]))
    p = 2 * stdtr(12, -abs(projections[0]) / math.sqrt(max(variances)))
    assert series_har(y).p == pytest.approx(p, rel=1e-6)


@pytest.mark.parametrize("d", [0.15, 0.3])
def test_memory_of_fractional_noise(d: float) -> None:
    rng = np.random.default_rng(4)
    found = []
    for _ in range(8):
        _, noise = detrend(fractional_noise(rng, 1000, d))
        found += [memory(noise, models(noise))]
    known = [each for each in found if each is not None]
    assert len(known) >= 5
    assert np.mean(known) == pytest.approx(d, abs=0.05)


def test_memory_of_autoregressive_noise() -> None:
    _, noise = detrend(autoregressive(np.random.default_rng(4), 1000, 0.8))
    assert memory(noise, models(noise)) is None


def test_autocorrelation_of_fractional_noise() -> None:
    rho = fractional_autocorrelation(0.3, 5)
    assert rho[:3] == pytest.approx([1, 0.3 / 0.7, 0.3 / 0.7 * 1.3 / 1.7])
    assert fractional_autocorrelation(0.0, 3).tolist() == [1, 0, 0]


@pytest.mark.parametrize(("values", "sign"), [(np.arange(50.0) ** 3, 1), (-np.arange(12.0), -1)])
def test_monotone_series(values: np.ndarray, sign: int) -> None:
    result = series_har(values)
    assert result.p == 0
    assert np.sign(result.z) == sign


def test_constant_series() -> None:
    assert series_har(np.full(20, 7.0)).p == 1


def test_reversed_time() -> None:
    y = autoregressive(np.random.default_rng(3), 150, 0.7) + np.arange(150) / 60
    assert series_har(y[::-1]).p == pytest.approx(series_har(y).p, rel=0.2)
    assert series_har(-y).z == pytest.approx(-series_har(y).z)


def test_too_short() -> None:
    with pytest.raises(SeriesError, match="at least 12"):
        series_har(np.arange(11.0))


@pytest.mark.parametrize("phi", [*(pytest.param(phi, marks=pytest.mark.slow) for phi in (0.0, 0.6)), 0.9])
def test_false_alarm_rate(phi: float) -> None:
    rng = np.random.default_rng([7, int(phi * 10)])
    alarms = np.mean([series_har(autoregressive(rng, 216, phi)).p < 0.05 for _ in range(400)])
    assert 0.02 <= alarms <= 0.085


def test_autocorrelation_recursion() -> None:
    phi = np.array([0.5, 0.3, -0.1])
    rho = autoregressive_autocorrelation(phi, 1000)
    assert rho[0] == 1
    np.testing.assert_allclose(rho[3:], phi[0] * rho[2:-1] + phi[1] * rho[1:-2] + phi[2] * rho[:-3], atol=1e-15)
    np.testing.assert_allclose(autoregressive_autocorrelation(np.array([0.9]), 600), 0.9 ** np.arange(600), atol=1e-14)


@pytest.mark.parametrize("losses", [500, pytest.param(1500, marks=pytest.mark.thorough)])
def test_interval_of_separate_losses(losses: int) -> None:
    rng = np.random.default_rng(losses)
    rate, t = losses / 100 * 8192, np.arange(1, 101)
    found = [sen_slope_autocorrelated(t, separate_losses(rng, 100, losses)) for _ in range(300)]
    assert 0.90 <= np.mean([s.low <= rate <= s.high for s in found]) <= 0.99
    assert np.median([(s.high - s.low) / 2 / rate for s in found]) < 3 / np.sqrt(losses)


@pytest.mark.thorough
@pytest.mark.parametrize("phi", [*(pytest.param(phi, marks=pytest.mark.slow) for phi in (0.0, 0.6)), 0.9])
def test_interval_under_autocorrelation(phi: float) -> None:
    rng = np.random.default_rng([11, int(phi * 10)])
    t = np.arange(216)
    found = [sen_slope_autocorrelated(t, autoregressive(rng, 216, phi) + 0.01 * t) for _ in range(300)]
    assert 0.90 <= np.mean([s.low <= 0.01 <= s.high for s in found]) <= 0.98


@pytest.mark.thorough
def test_interval_of_steep_short_series() -> None:
    rng = np.random.default_rng(13)
    t = np.arange(60)
    found = [sen_slope_autocorrelated(t, 0.2 * autoregressive(rng, 60, 0.9) + t / 60) for _ in range(400)]
    assert 0.90 <= np.mean([s.low <= 1 / 60 <= s.high for s in found]) <= 0.99  # 0.82 from ranks


SHAPES = {
    "constant": lambda u: 0 * u,
    "linear": lambda u: 5 * u,
    "step": lambda u: 4.0 * (u > 0.4),
    "saturating": lambda u: 5 * (1 - np.exp(-u / 0.1)),
    "cyclic": lambda u: 2 * np.sin(12 * np.pi * u),
}


@pytest.mark.parametrize("shape", list(SHAPES))
def test_shapes(shape: str) -> None:
    rng = np.random.default_rng(2)
    t = np.arange(1.0, 1001)
    found = [classify_shape(t, SHAPES[shape](t / 1000) + autoregressive(rng, 1000, 0.6)) for _ in range(15)]
    assert found.count(shape) >= 13  # type: ignore[arg-type]


def test_cycle_hidden_by_gap() -> None:
    noise = 0.05 * np.random.default_rng(1).standard_normal(24)
    even, gapped = np.linspace(1, 42, 24), np.array([*range(1, 13), *range(31, 43)], dtype=np.float64)
    assert classify_shape(even, np.sin(4 * np.pi * even / 42) + noise) == "cyclic"
    assert classify_shape(gapped, np.sin(4 * np.pi * gapped / 42) + noise) != "cyclic"


def test_discovered() -> None:
    found = plugins.discover(trend_tests, TrendTest)
    assert {"mann_kendall", "hamed_rao", "series_har"} <= set(found)
    y = autoregressive(np.random.default_rng(0), 80, 0.5)
    for test in found.values():
        assert 0 <= test.run(np.arange(80.0) * 3600, y).p <= 1


NULLS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "moving average": lambda rng, n: np.convolve(rng.standard_normal(n + 1), [1, 0.8], "valid"),
    "negative": lambda rng, n: autoregressive(rng, n, -0.4),
    "0.8": lambda rng, n: autoregressive(rng, n, 0.8),
    "0.97": lambda rng, n: autoregressive(rng, n, 0.97),
    "with noise": lambda rng, n: autoregressive(rng, n, 0.9) + rng.standard_normal(n),
    "spikes": lambda rng, n: autoregressive(rng, n, 0.6) + 8 * (rng.random(n) < 0.02),
    "quantised": lambda rng, n: np.round(autoregressive(rng, n, 0.8) / 1.5),
    "variance tripled": lambda rng, n: autoregressive(rng, n, 0.6) * np.where(np.arange(n) < n / 2, 1, 3.0),
    "regimes": lambda rng, n: 2.0 * (np.cumsum(rng.random(n) < 1 / 15) % 2) + autoregressive(rng, n, 0.5),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(NULLS))
@pytest.mark.parametrize("n", [216, 600])
def test_held_out_nulls(name: str, n: int) -> None:
    rng = np.random.default_rng([777, n, list(NULLS).index(name)])
    alarms = np.mean([series_har(NULLS[name](rng, n)).p < 0.05 for _ in range(1000)])
    assert 0.02 <= alarms <= 0.085
