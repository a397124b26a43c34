"""The field's tests have the field's numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aging.stats import pre_whitening, seasonal, three_pw, trend_free_pre_whitening, yue_wang
from aging.stats.trend_tests.seasonal import DAY, SEASONAL
from tests.stats.signals import autoregressive

YEARS = np.arange(100)


def test_nile(nile: np.ndarray) -> None:
    assert yue_wang(YEARS, nile).var_s == pytest.approx(112149.6664416, abs=1e-6)
    assert yue_wang(YEARS, nile, lags=1).var_s == pytest.approx(246617.3249367, abs=1e-6)
    assert pre_whitening(YEARS, nile).z == pytest.approx(-2.5515262757, abs=1e-9)
    assert trend_free_pre_whitening(YEARS, nile).z == pytest.approx(-4.5770269923, abs=1e-9)


def test_three_pw_less_significant(nile: np.ndarray) -> None:
    assert three_pw(YEARS, nile) == pre_whitening(YEARS, nile)


def test_yue_wang_one_lag() -> None:
    y = autoregressive(np.random.default_rng(0), 400, 0.6)
    assert yue_wang(np.arange(400), y, lags=30).var_s == pytest.approx(
        yue_wang(np.arange(400), y, lags=1).var_s, rel=0.5
    )


def test_yue_wang_all_lags() -> None:
    rng = np.random.default_rng(0)
    alarms = np.mean([yue_wang(np.arange(60), rng.standard_normal(60)).p < 0.05 for _ in range(200)])
    assert alarms > 0.3


def test_seasonal() -> None:
    t = np.arange(0, 5 * DAY, 3600.0)
    daily = 10 * np.sin(2 * np.pi * t / DAY)
    assert seasonal(t, daily).s == pytest.approx(0, abs=24 * 10)
    growing = seasonal(t, daily + np.floor(t / DAY))
    assert growing.s == 24 * 10
    assert growing.var_s == pytest.approx(24 * 5 * 4 * 15 / 18)


def test_seasonal_short() -> None:
    result = SEASONAL.run(np.arange(100.0), np.arange(100.0))
    assert math.isnan(result.p)
    assert result.note is not None
