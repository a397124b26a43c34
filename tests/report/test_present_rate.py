"""The present rate of the live view: its bounds hold the truth about as often as they say."""

from __future__ import annotations

import random

import pytest

from aging.report.present_rate import FEWEST, PresentRate, present_rate

RATE = 1000.0


def line(count: int, noise: float = 0.0, seed: int = 0, correlated: float = 0.0) -> list[tuple[float, float]]:
    made, drawn = 0.0, random.Random(seed)
    points = []
    for at in range(count):
        made = correlated * made + drawn.gauss(0, noise)
        points.append((float(at), RATE * at + made))
    return points


def test_exact_line() -> None:
    assert present_rate(line(30)) == PresentRate(RATE, RATE, RATE)
    assert present_rate(line(FEWEST)) is not None
    assert present_rate(line(FEWEST - 1)) is None
    assert present_rate([(1.0, 2.0)] * 10) is None, "no time has passed"


def test_rate_is_that_of_now() -> None:
    slowed = [(at, RATE * at if at < 20 else 20 * RATE) for at in map(float, range(40))]
    found = present_rate(slowed)
    assert found is not None
    assert found.per_second == pytest.approx(0.0, abs=1.0)


@pytest.mark.parametrize("correlated", [0.0, 0.5])
@pytest.mark.parametrize("count", [8, 16, 38])
def test_interval_covers_the_truth(count: int, correlated: float) -> None:
    found = [present_rate(line(count, 300.0, seed, correlated)) for seed in range(300)]
    covered = sum(one is not None and one.low <= RATE <= one.high for one in found)
    assert covered / len(found) > (0.9 if correlated == 0 else 0.8)
