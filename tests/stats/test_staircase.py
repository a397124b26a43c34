"""Growth in steps: leaks whose structures double, high-water marks, and what has stopped."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aging.stats.growth.staircase import FEWEST_STEPS, staircase
from aging.stats.growth.sustained import assess_growth

X = np.arange(1.0, 1001)
MIB = 2.0**20


def stairs(places: list[float], levels: list[float]) -> np.ndarray:
    """A level that is ``levels[k]`` from ``places[k]`` on, and 0 before, shape (1000,)."""
    return np.append(0.0, levels)[np.searchsorted(places, X, side="right")]


EQUAL = stairs([50.0 + 95 * k for k in range(10)], [MIB * (k + 1) for k in range(10)])
# A list that doubles when it is full: full at 15, 30, 60, ...
DOUBLING = stairs([15.0 * 2**k for k in range(7)], [15.0 * 2 ** (k + 1) for k in range(7)])
# The running maximum of independent demand: records at times that double, of equal size.
RECORDS = stairs([2.0**k for k in range(1, 10)], [float(k) for k in range(1, 10)])


def test_equal_steps() -> None:
    found = staircase(X, EQUAL)
    assert found is not None
    assert found.goes_on
    assert not found.tires
    assert found.steps in (8, 9, 10)
    assert found.low <= MIB / 95 <= found.high
    assert found.gap == pytest.approx(95, rel=0.2)


@pytest.mark.parametrize("steps", [6, 10, 20, 36])
def test_any_number_of_equal_steps(steps: int) -> None:
    found = staircase(X, stairs([20 + 960 * k / steps for k in range(steps)], [k + 1.0 for k in range(steps)]))
    assert found is not None
    assert found.goes_on


def test_doubling_steps() -> None:
    found = staircase(X, DOUBLING)
    assert found is not None
    assert not found.tires
    assert found.lean[0] <= 0 <= found.lean[1]


def test_high_water_mark_tires() -> None:
    found = staircase(X, RECORDS)
    assert found is not None
    assert found.steps >= FEWEST_STEPS
    assert found.tires
    assert not found.goes_on
    assert found.lean[0] <= -1 <= found.lean[1] + 0.1


def test_stopped_cache() -> None:
    places = [20.0 + 40 * k for k in range(10)]
    y = stairs(places, [k + 1.0 for k in range(10)])
    going, stopped = staircase(X[:400], y[:400]), staircase(X, y)
    assert going is not None
    assert stopped is not None
    assert going.goes_on
    assert not stopped.goes_on
    assert stopped.since > 10
    assert (stopped.rate, stopped.lean) == (going.rate, going.lean)


def test_single_step() -> None:
    found = staircase(X, stairs([500.0], [3.0]))
    assert found is not None
    assert (found.steps, found.largest) == (1, 1.0)
    assert math.isnan(found.rate)
    assert not found.goes_on
    assert not found.tires


def test_samples_within_a_step_are_one() -> None:
    found = staircase(X, stairs([500.0, 503.0, 506.0, 800.0], [1.0, 2.0, 3.0, 6.0]))
    assert found is not None
    assert found.steps == 2


@pytest.mark.parametrize(
    "y",
    [
        np.zeros(1000),  # no rise
        -EQUAL,
        X.copy(),  # a line: more than 40 rises make it
        np.sin(X),  # falls as far as it rises
    ],
)
def test_no_staircase(y: np.ndarray) -> None:
    assert staircase(X, y) is None


def test_steps_within_resolution() -> None:
    assert staircase(X, EQUAL, MIB) is None
    assert staircase(X, EQUAL, MIB / 2) is not None


def test_decision_on_steps() -> None:
    going = assess_growth(X, EQUAL)
    assert going.reason is not None
    assert (going.decision, going.reason.code) == ("sustained", "steps_go_on")
    assert not assess_growth(X, RECORDS).sustained
    for place in (200.0, 500.0, 800.0):
        assert assess_growth(X, stairs([place], [3.0]), 1.0).decision == "step"
    few = assess_growth(X, stairs([300.0, 600.0, 900.0], [1.0, 2.0, 3.0]))
    assert few.reason is not None
    assert (few.decision, few.reason.code) == ("undecided", "few_steps")
    assert few.at_least is not None
    assert few.at_least > 1
