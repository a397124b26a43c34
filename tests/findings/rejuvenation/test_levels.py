"""What a rejuvenation did to a level and its growth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from aging.core.metrics import PRIMARY
from aging.findings.rejuvenation.levels import Levels, Neighbors, Rate, change
from tests.builders import MIB

RATE = 360.0 * MIB  # an hour: 0.1 MiB a second
AROUND = Neighbors(-math.inf, 1000.0, 1010.0, math.inf, 1, 2)
RATES = {(1, PRIMARY): Rate(RATE, 0.9 * RATE, 1.1 * RATE), (2, PRIMARY): Rate(RATE / 2, 0.4 * RATE, 0.6 * RATE)}


def sawtooth(until: float = 2000.0, generation: int = 2) -> Levels:
    """From 100 MiB at 0 s by 0.1 MiB a second to 200 MiB at 1,000 s; from 1,010 s on from 100 MiB at half the rate."""
    t = np.concatenate([np.arange(0.0, 1000.0), np.arange(1010.0, until)])
    y = np.where(t < 1005, 100 + 0.1 * t, 100 + 0.05 * (t - 1010)) * MIB
    return Levels(PRIMARY, t, y, np.where(t < 1005, 1, generation).astype(np.float64))


def test_new_generation() -> None:
    found = change(sawtooth(), AROUND, RATES)
    assert found.before == pytest.approx(200 * MIB, rel=1e-3)
    assert found.after == pytest.approx(101.5 * MIB, rel=1e-3)
    assert found.freed == pytest.approx(98.5 * MIB, rel=1e-2)
    assert (found.rate_before_per_hour, found.rate_after_per_hour) == (RATE, RATE / 2)
    assert found.ci_after_per_hour == (0.4 * RATE, 0.6 * RATE)
    assert not found.back_measured
    assert found.back_hours == pytest.approx(1990 / 3600, rel=0.01), "of a half-seen way back the rest is expected"


def test_back_measured() -> None:
    found = change(sawtooth(until=3500.0), AROUND, RATES)
    assert found.back_measured
    assert found.back_hours == pytest.approx(1990 / 3600, rel=0.01)


def test_next_one_ends_it() -> None:
    found = change(sawtooth(until=3500.0), replace(AROUND, until=1500.0), RATES)
    assert not found.back_measured


@pytest.mark.parametrize("rates", [{}, {(2, PRIMARY): Rate(RATE, -RATE, 3 * RATE)}])
def test_growth_not_shown(rates: dict[tuple[int, str], Rate]) -> None:
    assert change(sawtooth(), AROUND, rates).back_hours is None


def test_what_came_back_in_a_fast_leak() -> None:
    """A trim of a server that grows by 1 MiB a second frees 5 MiB; the next one comes 15 s later."""
    t = np.arange(985.0, 1025.0)
    y = (100 + (t - 985) - np.where(t < 1010, 0.0, 5.0)) * MIB
    around = Neighbors(985.0, 1009.5, 1009.5, 1025.0, 1, 1)
    found = change(Levels(PRIMARY, t, y, np.ones(t.size)), around, {})
    assert found.freed == pytest.approx(5 * MIB, rel=1e-6)


def test_nothing_freed() -> None:
    t = np.arange(0.0, 2000.0)
    levels = Levels(PRIMARY, t, np.full(t.size, 100.0 * MIB), np.where(t < 1005, 1.0, 2.0))
    found = change(levels, AROUND, RATES)
    assert (found.freed, found.back_hours) == (0.0, None)


def test_same_generation_has_rates_of_its_own() -> None:
    around = replace(AROUND, generation_after=1)
    found = change(sawtooth(generation=1), around, {(1, PRIMARY): Rate(-1.0, -2.0, 0.0)})
    assert found.rate_before_per_hour == pytest.approx(RATE, rel=0.02)
    assert found.rate_after_per_hour == pytest.approx(RATE / 2, rel=0.02)


def test_no_server_afterwards() -> None:
    found = change(sawtooth(until=1005.0), replace(AROUND, generation_after=None), RATES)
    assert (found.after, found.freed, found.rate_after_per_hour, found.back_hours) == (None, None, None, None)
