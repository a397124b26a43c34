"""A start of load that is not known: how far the answer depends on it."""

from __future__ import annotations

import numpy as np
import pytest

from aging.stats import SeriesError, assess_growth, origin_range, trend_test
from tests.stats.signals import PAGE, autoregressive, separate_losses

T = np.arange(600.0)


def logarithm(rng: np.random.Generator, earlier: float) -> np.ndarray:
    """A thousand losses that come as 1 / t, t since a load that began ``earlier`` windows before the first sample."""
    since = np.linspace(0, 1, 601) + earlier + 1e-3
    return np.cumsum(rng.poisson(1000 * np.diff(np.log(since)) / np.log(since[-1] / since[0]))) * 2 * PAGE


def test_leak_from_any_start() -> None:
    rng = np.random.default_rng(0)
    found = [origin_range(T, separate_losses(rng, 600, 1000)) for _ in range(6)]
    assert {one.answer for one in found} == {"sustained"}
    assert {one.then for one in found} <= {None, "other"}
    assert sum(one.fails is None and one.holds == pytest.approx(T[-1]) for one in found) >= 2


@pytest.mark.thorough
def test_late_logarithm() -> None:
    rng = np.random.default_rng(0)
    taken_in = [y for y in (logarithm(rng, 1.0) for _ in range(8)) if trend_test(T, y).verdict == "aging"]
    assert len(taken_in) >= 2  # the trap is there
    for y in taken_in:
        found = origin_range(T, y)
        assert found.fails is not None
        assert found.holds < found.fails <= T[-1]


@pytest.mark.parametrize("began", [0.1, *(pytest.param(began, marks=pytest.mark.slow) for began in (0.0, 1.0))])
def test_no_answer_turns_into_its_opposite(began: float) -> None:
    rng = np.random.default_rng(1)
    for y in [logarithm(rng, began) for _ in range(4)] + [separate_losses(rng, 600, 1000)]:
        answers = {assess_growth(T + earlier * T[-1], y).decision for earlier in (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)}
        assert not {"sustained", "decelerating"} <= answers


def test_logarithm_from_first_sample() -> None:
    found = origin_range(T, logarithm(np.random.default_rng(0), 0.0))
    assert found.answer != "sustained"
    assert found.then != "sustained"


def test_answer_equals_verdict() -> None:
    found = origin_range(T, autoregressive(np.random.default_rng(0), 600, 0.5))
    assert found.answer == "other"


def test_too_short() -> None:
    with pytest.raises(SeriesError, match="at least 2"):
        origin_range([1.0], [1.0])
