"""Warm-ups found, doses compared."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from aging.stats import SeriesError, attribute_growth, dose_response, find_warmup
from tests.stats.signals import autoregressive, separate_losses

T = np.arange(600.0)


def test_warmup_ramp() -> None:
    rng = np.random.default_rng(0)
    found = [find_warmup(T, 20 * np.minimum(T / 60, 1) + autoregressive(rng, 600, 0.6)) for _ in range(30)]
    assert 45 <= np.median(found) <= 90


def test_warmup_before_leak() -> None:
    rng = np.random.default_rng(0)
    y = 20 * np.minimum(T / 60, 1) + T / 30 + 0.5 * autoregressive(rng, 600, 0.6)
    assert 45 <= find_warmup(T, y) <= 90


@pytest.mark.parametrize("kind", ["white noise", "autocorrelated", "leak"])
def test_no_warmup(kind: str) -> None:
    rng = np.random.default_rng(1)
    makers: dict[str, Callable[[], np.ndarray]] = {
        "white noise": lambda: rng.standard_normal(600),
        "autocorrelated": lambda: autoregressive(rng, 600, 0.95),
        "leak": lambda: separate_losses(rng, 600, 1000),
    }
    assert sum(find_warmup(10 + T, makers[kind]()) > 20 for _ in range(40)) <= 4


def test_leak_follows_dose() -> None:
    response = dose_response([200, 604, 1], [4, 6, 2], [2, 6, 0], [480, 480, 240])
    assert response.per_request.low < 100 < response.per_request.high
    assert response.per_second.low < 0 < response.per_second.high
    assert response.share_of_requests > 0.97
    assert response.same_per_request_p > 0.05


def test_clock_growth_ignores_dose() -> None:
    response = dose_response([50, 51, 49], [2, 2, 2], [2, 6, 0], [480, 480, 240])
    assert response.share_of_requests < 0.1
    assert response.same_per_request_p < 1e-6
    assert response.consistent_p > 0.05


def test_high_water_mark_dose() -> None:
    response = dose_response([90, 20, 0], [3, 3, 1], [2, 6, 0], [480, 480, 240])
    assert response.same_per_request_p < 1e-6
    assert response.consistent_p < 1e-6


def test_two_phases() -> None:
    response = dose_response([10, 30], [1, 1], [1, 3], [60, 60])
    assert (response.per_request.rate, response.per_second.rate) == pytest.approx((10, 0))
    assert math.isnan(response.consistent_p)


def test_phases_of_equal_load() -> None:
    with pytest.raises(SeriesError, match="differ in load"):
        dose_response([10, 30], [1, 1], [2, 2], [60, 60])


def test_attribution() -> None:
    rng = np.random.default_rng(0)
    requests = np.cumsum(rng.poisson(np.where(T < 200, 2, np.where(T < 400, 6, 0.5))))
    leak = 100.0 * requests + 50 * autoregressive(rng, 600, 0.5)
    found = attribute_growth(leak, {"seconds": T, "requests": requests})
    assert found.driver == "requests"
    assert found.slopes["requests"].slope == pytest.approx(100, rel=0.02)
    by_clock = attribute_growth(100 * T + 50 * autoregressive(rng, 600, 0.5), {"seconds": T, "requests": requests})
    assert by_clock.driver == "seconds"


def test_attribution_steady_load() -> None:
    y = T + autoregressive(np.random.default_rng(0), 600, 0.5)
    assert attribute_growth(y, {"seconds": T, "requests": 2 * T}).driver is None


def test_falling_driver() -> None:
    with pytest.raises(SeriesError, match="requests must rise"):
        attribute_growth(T, {"requests": -T})
