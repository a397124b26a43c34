"""The study of false and missed triggers, on a series of each kind."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.rejuvenation.series import CLEAN, LEAKING
from analysis.rejuvenation.triggers import fired, policy_of


@pytest.mark.parametrize("family", sorted(CLEAN))
def test_clean_series_stay_below_the_limit(family: str) -> None:
    for seed in range(5):
        series = CLEAN[family](np.random.default_rng(seed))
        assert series.reached is None
        assert series.y.max() < 0.9


@pytest.mark.parametrize("family", sorted(LEAKING))
def test_leaking_series_reach_it(family: str) -> None:
    for seed in range(5):
        series = LEAKING[family](np.random.default_rng(seed))
        assert series.reached is not None
        assert series.t.size == series.y.size


@pytest.mark.parametrize("kind", ["trend", "threshold"])
def test_leak_is_not_missed(kind: str) -> None:
    series = LEAKING["fast"](np.random.default_rng(1))
    found = fired(policy_of(kind), series)
    assert found is not None
    assert series.reached is not None
    assert found.at <= series.reached


def test_clean_series_is_left_alone() -> None:
    assert fired(policy_of("threshold"), CLEAN["plateau"](np.random.default_rng(1))) is None
