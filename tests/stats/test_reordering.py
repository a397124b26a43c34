"""Sorting from one order into another, compiled and in numpy, against each other and against enumeration."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from scipy.special import ndtri

from aging.stats import hamed_rao, mann_kendall, sen_slope, series_har
from aging.stats.slope import inversions as in_numpy
from aging.stats.slope import pairwise_selection as selection_module
from aging.stats.slope import reordering
from aging.stats.slope.pairwise_selection import select_slopes
from aging.stats.slope.sen import limiting_ranks
from tests.stats.signals import autoregressive

try:
    from aging.stats.slope import _reordering as compiled
except ImportError:
    compiled = None  # type: ignore[assignment]

IMPLEMENTATIONS = [
    pytest.param(in_numpy, id="numpy"),
    pytest.param(
        compiled,
        id="compiled",
        marks=pytest.mark.skipif(compiled is None, reason="installed without a compiler"),
    ),
]
VALUES: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "continuous": lambda rng, n: rng.standard_normal(n),
    "tied": lambda rng, n: rng.integers(-2, 3, n).astype(float),
    "signed zeros": lambda rng, n: rng.choice([-0.0, 0.0, 1.0], n),
    "pages": lambda rng, n: np.round(np.arange(n) / 9 + rng.standard_normal(n)) * 4096.0,
    "constant": lambda _, n: np.full(n, 7.0),
    "walk": lambda rng, n: np.cumsum(rng.integers(-3, 4, n)).astype(float),
    "heaps": lambda rng, n: (rng.random(n) < 0.05) * 8.0,
    "alike": lambda rng, n: 1e9 * (rng.random(n) < 0.1) + rng.integers(0, 9, n) * 1e-7,
    "denormal": lambda rng, n: rng.integers(0, 9, n) * 5e-324,
    "huge": lambda rng, n: rng.choice([-1.7e308, 1.7e308, 0.0, 1.0, 1e-300], n),
    "infinite": lambda rng, n: rng.choice([-np.inf, -1.0, np.inf], n),
}


def use(implementation: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reordering, "_sort", implementation.sort)
    monkeypatch.setattr(reordering, "_pairs", implementation.pairs)


@pytest.fixture(params=IMPLEMENTATIONS)
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    use(request.param, monkeypatch)


def exchanged_pairs(start: np.ndarray, order: np.ndarray) -> set[tuple[int, int]]:
    """Every pair that stands the other way round, by enumeration."""
    place = np.empty(order.size, dtype=np.int64)
    place[order] = np.arange(order.size)
    later = place[start]
    i, j = np.triu_indices(start.size, 1)
    turned = later[i] > later[j]
    return set(zip(start[i[turned]].tolist(), start[j[turned]].tolist(), strict=True))


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("kind", list(VALUES))
@pytest.mark.parametrize("falling", [False, True])
def test_reordering_by_enumeration(kind: str, falling: bool) -> None:
    rng = np.random.default_rng([3, list(VALUES).index(kind), falling])
    for n in (1, 2, 7, 16, 17, 64, 65, 129):
        values, start = VALUES[kind](rng, n), rng.permutation(n).astype(np.int32)
        samples = np.arange(n)
        expected = np.lexsort((-samples if falling else samples, values + 0.0))
        counted = reordering.sort(values, falling=falling)
        np.testing.assert_array_equal(counted.order, expected)
        assert counted.exchanged == len(exchanged_pairs(samples, expected))
        listed = reordering.pairs_listed(values, start, n * n, falling=falling)
        assert listed is not None
        pairs = exchanged_pairs(start, expected)
        assert listed.earlier.size == len(pairs)
        assert set(zip(listed.earlier.tolist(), listed.later.tolist(), strict=True)) == pairs


@pytest.mark.usefixtures("implementation")
def test_more_pairs_than_room() -> None:
    falling, start = np.arange(20.0)[::-1].copy(), reordering.in_time(20)
    assert reordering.pairs_listed(falling, start, 189) is None
    assert reordering.pairs_listed(falling, start, 190) is not None


@pytest.mark.usefixtures("implementation")
def test_picked_pairs() -> None:
    rng = np.random.default_rng(8)
    values, start = rng.standard_normal(300), rng.permutation(300).astype(np.int32)
    order = reordering.sort(values).order
    total = len(exchanged_pairs(start, order))
    every = reordering.pairs_picked(values, start, np.arange(total + 5))
    pairs = list(zip(every.earlier.tolist(), every.later.tolist(), strict=True))
    assert set(pairs) == exchanged_pairs(start, order)
    some = np.sort(rng.integers(0, total, 50))
    picked = reordering.pairs_picked(values, start, some)
    assert list(zip(picked.earlier.tolist(), picked.later.tolist(), strict=True)) == [pairs[k] for k in some]


@pytest.mark.skipif(compiled is None, reason="installed without a compiler")
@pytest.mark.parametrize("kind", ["continuous", "tied", "pages"])
def test_c_equals_python(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(list(VALUES).index(kind))
    y = autoregressive(rng, 3000, 0.6) if kind == "continuous" else VALUES[kind](rng, 3000)
    t = np.cumsum(rng.integers(1, 4, 3000)).astype(float)

    def everything() -> list[object]:
        return [sen_slope(t, y), hamed_rao(t, y), mann_kendall(y), series_har(y)]

    use(compiled, monkeypatch)
    fast = everything()
    use(in_numpy, monkeypatch)
    assert everything() == fast


@pytest.mark.usefixtures("implementation")
@pytest.mark.parametrize("kind", ["continuous", "tied", "pages", "walk", "heaps", "constant"])
def test_selected_slopes_by_enumeration(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection_module, "_DIRECT", 8)
    monkeypatch.setattr(selection_module, "_FEW", 30)
    monkeypatch.setattr(selection_module, "_LISTED_PER_SAMPLE", 1)
    rng = np.random.default_rng([9, list(VALUES).index(kind)])
    for offset in (0.0, 1e15):
        for n in rng.integers(20, 250, 6):
            t = np.sort(rng.choice(1000, int(n), replace=False)).astype(float)
            y = np.round(offset + VALUES[kind](rng, int(n)) * 16)
            i, j = np.triu_indices(int(n), 1)
            slopes = np.sort((y[j] - y[i]) / (t[j] - t[i]))
            ranks = [0, *np.sort(rng.integers(0, slopes.size, 6)).tolist(), slopes.size - 1]
            np.testing.assert_array_max_ulp(select_slopes(t, y, ranks), slopes[ranks])


@pytest.mark.parametrize("step", [0.05, 1.0, 25.0])
def test_tied_random_walk(step: float) -> None:
    rng = np.random.default_rng([11, round(step * 100)])
    for n in (400, 1500):
        t = np.cumsum(rng.integers(1, 4, n)).astype(float)
        y = 4096.0 * np.round(np.cumsum(rng.normal(0.0, step, n)))
        i, j = np.triu_indices(n, 1)
        slopes = np.sort((y[j] - y[i]) / (t[j] - t[i]))
        result, sen = mann_kendall(y), sen_slope(t, y)
        assert result.s == np.sign(y[j] - y[i]).sum()
        ties = np.unique(y, return_counts=True)[1]
        assert result.var_s == (n * (n - 1) * (2 * n + 5) - (ties * (ties - 1) * (2 * ties + 5)).sum()) / 18
        assert sen.slope == (slopes[(slopes.size - 1) // 2] + slopes[slopes.size // 2]) / 2
        low, high = limiting_ranks(n, float(ndtri(0.975)) * math.sqrt(result.var_s))
        assert (sen.low, sen.high) == (slopes[low], slopes[high])


@pytest.mark.skipif(compiled is None, reason="installed without a compiler")
def test_unequal_sizes() -> None:
    order, none = np.empty(3, np.int32), np.empty(0, np.int32)
    with pytest.raises(ValueError, match="equally many"):
        compiled.sort(np.zeros(4), False, order)
    with pytest.raises(ValueError, match="equally many"):
        compiled.pairs(np.zeros(4), order, False, None, none, none)
    with pytest.raises(ValueError, match="equally many"):
        compiled.pairs(np.zeros(3), order, False, np.arange(2), none, none)
