"""What windows of a series show of its growth, and the line beneath a warm-up."""

from __future__ import annotations

import numpy as np
import pytest

from aging.stats.growth.evidence import WINDOWS, evidence, line_part
from tests.stats.signals import autoregressive

N = 600
X = np.arange(1.0, N + 1)
WARMUP = 1 - np.exp(-X / 90)


def losses(seed: int, course: np.ndarray, total: float = 2000.0) -> np.ndarray:
    """About ``total`` losses that follow ``course``, shape (n,)."""
    rates = np.diff(course, prepend=0.0) / course[-1]
    return np.cumsum(np.random.default_rng(seed).poisson(total * rates)).astype(float)


def test_windows_end_with_the_series() -> None:
    found = evidence(X, losses(0, X))
    assert [one.start for one in found] == pytest.approx([1 + share * (N - 1) for share in WINDOWS])
    for one in found:
        assert one.x[-1] == X[-1]
        assert one.x[0] >= one.start
        assert one.span == pytest.approx(X[-1] - one.start)


@pytest.mark.parametrize(("n", "windows"), [(12, 0), (14, 1), (16, 2), (20, 3), (41, 4)])
def test_windows_too_short_are_left_out(n: int, windows: int) -> None:
    assert len(evidence(X[:n], X[:n])) == windows


def test_scores_of_a_line_and_of_a_logarithm() -> None:
    line, logarithm = evidence(X, losses(1, X))[0], evidence(X, losses(1, np.log(X + 1)))[0]
    assert line.faster_than_half
    assert not line.slower_than_half
    assert not line.slows
    assert logarithm.slower_than_half
    assert logarithm.slows
    assert not logarithm.faster_than_half


def test_growth_of_halves() -> None:
    y = np.where(X <= 315, 3 * X, 3 * 315 + (X - 315))  # the middle of the first window
    first = evidence(X, y)[0]
    assert first.early == pytest.approx(3, rel=0.02)
    assert first.late == pytest.approx(1, rel=0.02)
    assert first.late_growth == pytest.approx(first.span / 2, rel=0.02)
    assert first.larger_growth == pytest.approx(3 * first.span / 2, rel=0.02)


def test_growth_of_halves_under_noise_of_the_level() -> None:
    """The ends of noisy halves would say little; two lines that meet say it to a tenth."""
    y = X / N + 0.1 * autoregressive(np.random.default_rng(0), N, 0.0)
    first = evidence(X, y)[0]
    assert first.noisy
    assert first.early == pytest.approx(1 / N, rel=0.2)
    assert first.late == pytest.approx(1 / N, rel=0.2)
    assert not evidence(X, losses(0, X))[0].noisy


def test_share_of_the_early_rate() -> None:
    held = 0
    for seed in range(40):
        low, high = evidence(X, losses(seed, X))[0].share
        held += low <= 1 <= high
    assert held >= 35
    first = evidence(X, losses(0, X))[0]
    wide, narrow = first.share, first.share_at(0.8)
    assert wide[0] < narrow[0] < first.late / first.early < narrow[1] < wide[1]
    fell = np.concatenate([np.zeros(N // 2), -np.arange(N // 2)])
    assert evidence(X, fell)[0].share == (-np.inf, np.inf)


def test_line_beneath_a_warm_up() -> None:
    """The warm-up takes 1000 losses and the line another 1000."""
    held = 0
    for seed in range(20):
        found = line_part(X, losses(seed, WARMUP / WARMUP[-1] + X / N))
        assert found is not None
        assert found.least <= found.low <= found.high
        held += found.low <= 1000 / N <= found.high
    assert held >= 14  # the curve is chosen by its fit, and the limits do not know it


def test_no_line_beneath_a_logarithm() -> None:
    found = line_part(X, losses(0, np.log(X)))
    assert found is not None
    assert found.least <= found.low <= 0.3
    assert found.high > 0


def test_line_by_itself() -> None:
    held = 0
    for seed in range(12):
        found = line_part(X, losses(seed, X))
        assert found is not None
        assert 0 < found.least <= found.low
        held += found.low <= 2000 / N <= found.high
    assert held >= 9
