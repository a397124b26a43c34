"""When times to first token are steady again."""

from __future__ import annotations

import numpy as np
import pytest

from aging.findings.rejuvenation.steadiness import steady_after

BEFORE = np.random.default_rng(1).lognormal(-4, 0.2, 300)
DUE = 100.0 + np.arange(600) / 2
END = 110.0


def usual() -> np.ndarray:
    return np.random.default_rng(2).lognormal(-4, 0.2, DUE.size)


@pytest.mark.parametrize("seed", range(20))
def test_never_left(seed: int) -> None:
    after = np.random.default_rng([3, seed]).lognormal(-4, 0.2, DUE.size)
    assert steady_after(BEFORE, DUE, after, END) == 0.0


def test_decaying() -> None:
    """Twice as slow just after, with a time constant of 30 s: 1.25 times after 30 s · ln(1 / 0.25) = 42 s."""
    after = usual() * (1 + np.exp(-(DUE - END) / 30))
    after[DUE < END] = 9.0
    found = steady_after(BEFORE, DUE, after, END)
    assert found is not None
    assert 15.0 < found < 45.0, "the window is of 100 requests, 50 s, and its median is that of its middle"


def test_one_slow_request_later() -> None:
    after = usual()
    after[DUE < 120.0] = 9.0
    after[500] = 9.0
    found = steady_after(BEFORE, DUE, after, END)
    assert found == pytest.approx(10.0, abs=1.0)


def test_never_steady() -> None:
    assert steady_after(BEFORE, DUE, 2 * usual(), END) is None


@pytest.mark.parametrize(("before", "after"), [(9, 600), (300, 99), (0, 0)])
def test_too_few(before: int, after: int) -> None:
    assert steady_after(BEFORE[:before], DUE[:after], usual()[:after], END) is None
