"""Analyses take half a percent of a core on average, whatever one costs."""

from __future__ import annotations

from itertools import pairwise

import pytest

from aging.serve.budget import FIRST_COST, SHARE, Budget


@pytest.mark.parametrize("cost", [0.5, 4.0, 60.0])
@pytest.mark.parametrize("begun", [0.0, 864_000.0])
def test_share_of_a_core(cost: float, begun: float) -> None:
    budget, spent, looks = Budget(), 0.0, 0
    weeks = 14 * 86400
    for now in range(0, weeks, 10):
        if budget.wait(now, begun + now) <= 0:
            budget.spent(now, begun + now, cost)
            spent, looks = spent + cost, looks + 1
    assert looks >= 2
    assert spent - cost <= SHARE * weeks  # the first one, of a campaign that had run for long, is at once


def test_intervals_grow() -> None:
    budget, at = Budget(), []
    for now in range(0, 864_000, 10):
        if budget.wait(now, now) <= 0:
            budget.spent(now, now, 1.0)
            at.append(now)
    assert at[0] == pytest.approx(FIRST_COST / SHARE, abs=10)
    pauses = [later - earlier for earlier, later in pairwise(at)]
    assert pauses[5:] == sorted(pauses[5:])
    assert len(at) < 60
