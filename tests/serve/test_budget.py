"""Analyses take half a percent of a core on average, whatever one costs."""

from __future__ import annotations

from itertools import pairwise

import pytest

from aging.report.progress import RunProgress, Snapshot
from aging.serve.budget import FIRST_COST, SHARE, Budget
from aging.serve.verdicts import load_left
from aging.store.state import CampaignState, RunState


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


def snapshot_of(*loads: tuple[float, float], planned: float, now: float) -> Snapshot:
    """Runs under load, each by the start and the length of it."""
    runs = [
        RunProgress("a", replica, RunState(load_start=start, planned_seconds=length), {}, None, None, None, None, ())
        for replica, (start, length) in enumerate(loads, 1)
    ]
    return Snapshot(CampaignState(planned_seconds=planned), runs, None, now, runner_alive=True)


def test_load_left() -> None:
    """What a campaign that is too short for an analysis waits for; not known while further rounds follow."""
    assert load_left(snapshot_of((10.0, 120.0), (12.0, 120.0), planned=120.0, now=100.0)) == 32.0
    assert load_left(snapshot_of((10.0, 120.0), planned=120.0, now=200.0)) == 0.0
    assert load_left(snapshot_of((10.0, 120.0), planned=360.0, now=100.0)) is None
    assert load_left(snapshot_of(planned=120.0, now=100.0)) is None
