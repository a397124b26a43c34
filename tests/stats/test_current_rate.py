"""The rate at which a series grows after its warm-up."""

from __future__ import annotations

import numpy as np
import pytest

from aging.stats.growth.current_rate import CurrentRate, current_rate
from aging.stats.growth.evidence import evidence
from aging.stats.growth.staircase import staircase
from tests.stats.signals import autoregressive
from tests.stats.test_evidence import WARMUP, N, X, losses


def rate_of(y: np.ndarray) -> CurrentRate:
    windows = evidence(X, y)
    return current_rate(windows, staircase(windows[0].x, windows[0].y))


def test_line() -> None:
    held = 0
    for seed in range(20):
        found = rate_of(losses(seed, X))
        assert found.low <= found.rate <= found.high
        held += found.low <= 2000 / N <= found.high
    assert held >= 17


def test_rate_after_a_warm_up() -> None:
    """The warm-up takes 1000 losses and the line another 1000; its rate is the one now."""
    found = [rate_of(losses(seed, WARMUP / WARMUP[-1] + X / N)) for seed in range(20)]
    assert sum(one.low <= 1000 / N <= one.high for one in found) >= 17
    assert all(one.start > 0.15 * N for one in found)
    assert np.median([one.rate for one in found]) == pytest.approx(1000 / N, rel=0.15)


def test_rate_of_a_cache_that_is_full() -> None:
    found = rate_of(losses(0, 1 - np.exp(-X / 30)))
    assert found.low <= 0 <= found.high
    assert found.high < 0.1 * 2000 / N


def test_margin_of_a_flat_series() -> None:
    """The limits hold zero, and are at least the smallest move over the window."""
    y = np.where(X == 100, 4096.0, 0.0)
    found = rate_of(y)
    assert found.low <= 0 <= found.high
    assert found.high - found.rate >= 4096 / N
    noise = rate_of(1e3 * autoregressive(np.random.default_rng(0), N, 0.5))
    assert noise.low <= 0 <= noise.high


def test_steps() -> None:
    y = np.floor((X + 20) / 60) * 300.0
    found = rate_of(y)
    assert found.low <= 5 <= found.high
    assert found.rate == pytest.approx(5, rel=0.05)


def test_share_is_that_of_the_whole_series() -> None:
    y = losses(3, WARMUP / WARMUP[-1] + X / N)
    assert rate_of(y).share == evidence(X, y)[0].share
