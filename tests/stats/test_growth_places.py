"""Slopes that add up, and the one term that makes the growth."""

from __future__ import annotations

import numpy as np
import pytest

from aging.stats import SeriesError
from aging.stats.growth.places import additive_slopes, clear_leader, term_slopes


def test_slopes_add_up() -> None:
    rng = np.random.default_rng(1)
    t = np.sort(rng.uniform(0, 100, 50))
    levels = rng.normal(0, 5, (50, 4)) + np.outer(t, [0.0, 1.0, 2.0, 30.0]) + [1e9, 0, 5e8, 7]
    slopes = additive_slopes(t, levels)
    assert slopes.sum() == pytest.approx(additive_slopes(t, levels.sum(axis=1, keepdims=True))[0])
    assert slopes == pytest.approx(np.polyfit(t, levels - levels[0], 1)[0])


def test_a_jump_is_no_steady_growth() -> None:
    t = np.arange(60.0)
    steady, jump = 7.0 * t, np.where(t > 40, 400.0, 0.0)
    assert term_slopes(t, np.column_stack([steady, jump])) == pytest.approx([7.0, 0.0])
    alone = term_slopes(t, np.column_stack([0 * t, jump]))
    assert alone == pytest.approx(additive_slopes(t, np.column_stack([0 * t, jump])))
    assert clear_leader(alone, [0.0, 400.0]) == 1


@pytest.mark.parametrize("times", [[0.0, 1.0, 2.0], [5.0, 5.0, 5.0, 5.0]], ids=["few", "equal"])
def test_slopes_impossible(times: list[float]) -> None:
    with pytest.raises(SeriesError):
        additive_slopes(times, np.ones((len(times), 2)))


@pytest.mark.parametrize(
    ("growth", "leader"),
    [
        ([0.0, 412.0, 3.0, -1.0], 1),
        ([100.0, 103.0, 98.0, 101.0], None),  # alike
        ([0.0, 59.0, 41.0], None),  # under 60 %
        ([0.0, 0.0, 61.0, 39.0], None),  # the others are further apart than the gap
        ([-50.0, 60.0, 0.0, 2.0], 1),
        ([-5.0, -1.0], None),
        ([7.0], 0),
        ([0.0], None),
        ([], None),
    ],
)
def test_leader(growth: list[float], leader: int | None) -> None:
    assert clear_leader(growth, np.zeros(len(growth))) == leader


def test_a_lead_of_a_jump_is_none() -> None:
    growth = [190.0, 0.0, 5.0]
    assert clear_leader(growth, [190.0, 180.0, 5.0]) is None  # another term might have jumped just so
    assert clear_leader(growth, [190.0, 10.0, 5.0]) == 0
