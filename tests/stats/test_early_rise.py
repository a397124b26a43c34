"""What fills at its start and stands since is bounded; a slow leak beside it is not."""

from __future__ import annotations

import numpy as np
import pytest

from aging.stats import Trend, trend_test
from tests.stats.signals import autoregressive

HOUR = 3600.0
T = np.arange(576) * 300.0


def filling(seed: int, hours: float, leak: float = 0.0) -> Trend:
    """A page cache of 6.9 GB with this time constant, noise of 6 MB, and a leak in bytes an hour."""
    noise = np.random.default_rng(seed).normal(0, 6e6, T.size)
    return trend_test(T, 1.33e9 + 6.9e9 * (1 - np.exp(-T / (hours * HOUR))) + leak * T / HOUR + noise)


@pytest.mark.thorough
@pytest.mark.parametrize("hours", [0.7, *(pytest.param(hours, marks=pytest.mark.slow) for hours in (2.0, 3.3))])
def test_full_for_most_of_the_time(hours: float) -> None:
    found = [filling(seed, hours) for seed in range(8)]
    assert sum(one.verdict == "bounded" for one in found) >= 5
    assert not any(one.verdict == "aging" for one in found)


@pytest.mark.parametrize(
    ("hours", "leak"),
    [
        (2.0, 1e6),
        *(
            pytest.param(hours, leak, marks=pytest.mark.thorough)
            for hours in (0.7, 2.0, 3.3)
            for leak in (3e5, 1e6, 1e7)
            if (hours, leak) != (2.0, 1e6)
        ),
    ],
)
def test_slow_leak_beside_a_large_fill_is_no_all_clear(hours: float, leak: float) -> None:
    """From a growth on that the last three fifths show: 9 MB there, beside noise of 6 MB."""
    assert {filling(seed, hours, leak).verdict for seed in range(4)} <= {"aging", "inconclusive"}


def test_said_by_a_note() -> None:
    assert [note.code for note in filling(2, 2.0).notes] == ["stands"]


def test_still_filling_is_undecided() -> None:
    assert filling(1, 20.0).verdict == "inconclusive"


@pytest.mark.thorough
def test_leak_under_slow_noise_beside_a_large_fill_is_no_all_clear() -> None:
    """Six times the noise in the last three fifths: the blocks' growth does not show it, the slope does."""
    verdicts = []
    for seed in range(10):
        noise = 6e6 * autoregressive(np.random.default_rng(seed), T.size, 0.95)
        fill = 6.9e9 * (1 - np.exp(-T / 7200))
        verdicts.append(trend_test(T, 1e9 + fill + 60e6 * T / T[-1] + noise).verdict)
    assert verdicts.count("bounded") <= 3


def test_growth_that_ended_before_the_later_half_is_bounded() -> None:
    t = np.arange(0, 12 * HOUR, 60.0)
    verdicts = []
    for seed in range(6):
        noise = np.random.default_rng(seed).normal(0, 1e6, t.size)
        verdicts.append(trend_test(t, 2e9 + 6e7 * np.minimum(t / HOUR, 5) + noise, resolution=262144.0).verdict)
    assert verdicts.count("bounded") >= 5
