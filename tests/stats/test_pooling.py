"""Replicas pooled, families of tests controlled, limits met, looks taken early."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aging.stats import (
    SeriesError,
    benjamini_hochberg,
    growth_mechanism,
    hierarchical_fdr,
    look_levels,
    pool,
    simes,
    stouffer,
    time_to_exhaustion,
)
from aging.stats.multiple.pooling import width_beside_one_more

CELLS: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "leak_rates_uss.json").read_text())["cells"]


@pytest.mark.parametrize("name", list(CELLS))
def test_published_pooling(name: str) -> None:
    cell = CELLS[name]
    limits = np.array(cell["ci95"])
    pooled = pool(cell["slopes"], (limits[:, 1] - limits[:, 0]) / (2 * 1.96))
    found = [pooled.slope, pooled.se, pooled.low, pooled.high, pooled.tau2, pooled.i2, pooled.q, pooled.q_p]
    published = [cell[key] for key in ("slope", "se")] + cell["ci"] + [cell[key] for key in ("tau2", "I2", "Q", "Q_p")]
    assert found == pytest.approx(published, rel=1e-9)
    assert stouffer(cell["mk_z"])[0] == pytest.approx(cell["stouffer_z"], rel=1e-4)


def test_disagreeing_replicas() -> None:
    slopes, errors = [1.0, 5.0, 9.0], [0.5, 0.5, 0.5]
    normal, student = pool(slopes, errors), pool(slopes, errors, method="hartung-knapp")
    assert student.slope == normal.slope == 5
    assert student.high - student.low > 2 * (normal.high - normal.low)
    # equal errors: the weighted spread is that of a one-sample t-test
    assert student.se == pytest.approx(np.std(slopes, ddof=1) / math.sqrt(3))


def test_agreeing_replicas() -> None:
    same = pool([2.0, 2.0, 2.0], [1.0, 1.0, 1.0], method="hartung-knapp")
    assert same.se == pytest.approx(1 / math.sqrt(3))


def test_weights_are_shares() -> None:
    pooled = pool([1.0, 5.0, 9.0], [0.5, 0.5, 3.0], method="hartung-knapp")
    assert sum(pooled.weights) == pytest.approx(1.0)
    assert pooled.weights[0] == pooled.weights[1] > pooled.weights[2] > 0
    assert pooled.slope == pytest.approx(float(np.dot(pooled.weights, [1.0, 5.0, 9.0])))


@pytest.mark.parametrize("k", [2, 3, 4])
def test_width_beside_one_more(k: int) -> None:
    fewer, more = (pool([1.0] * n, [1.0] * n, method="hartung-knapp") for n in (k, k + 1))
    assert width_beside_one_more(k) == pytest.approx((fewer.high - fewer.low) / (more.high - more.low))


def test_one_replica() -> None:
    for method in ("dersimonian-laird", "hartung-knapp"):
        alone = pool([3.0], [0.5], method=method)
        assert (alone.slope, alone.se, alone.tau2) == (3.0, 0.5, 0.0)
        assert math.isnan(alone.q_p)


@pytest.mark.parametrize(("slopes", "errors"), [([], []), ([1.0], [0.0]), ([1.0, 2.0], [1.0]), ([math.nan], [1.0])])
def test_missing_errors(slopes: list[float], errors: list[float]) -> None:
    with pytest.raises(SeriesError):
        pool(slopes, errors)


def test_simes() -> None:
    assert simes([0.01, 0.02, None, 0.9]) == pytest.approx(0.03)
    assert math.isnan(simes([None, None]))


def rejected_by_definition(families: dict[str, list[float]], level: float) -> dict[str, list[bool]]:
    selected = dict(zip(families, benjamini_hochberg([simes(p) for p in families.values()]) <= level, strict=True))
    share = sum(selected.values()) / len(families)
    return {
        name: [bool(selected[name] and q <= level * share) for q in benjamini_hochberg(p)]
        for name, p in families.items()
    }


@pytest.mark.parametrize("level", [0.01, 0.05, 0.1, 0.3])
def test_hierarchical_q(level: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        families = {name: list(rng.random(8) ** rng.integers(1, 5)) for name in "abcde"}
        q = hierarchical_fdr(families)
        assert {name: (values <= level).tolist() for name, values in q.items()} == rejected_by_definition(
            families, level
        )


def test_family_without_p() -> None:
    q = hierarchical_fdr({"a": [0.01, None], "b": [None]})
    assert q["a"][0] == pytest.approx(0.01)
    assert math.isnan(q["a"][1])
    assert math.isnan(q["b"][0])


def test_exhaustion() -> None:
    when = time_to_exhaustion(level=60, limit=100, slope=2, low=-1, high=4)
    assert (when.seconds, when.earliest, when.latest) == (20, 10, math.inf)
    assert time_to_exhaustion(100, 90, 0, 0, 0).seconds == 0
    with pytest.raises(SeriesError):
        time_to_exhaustion(0, 1, slope=2, low=3, high=4)


def test_look_bounds() -> None:
    # Lan–DeMets O'Brien–Fleming bounds of five equally spaced looks (Jennison and Turnbull 2000)
    z = np.array([4.8769, 3.3569, 2.6803, 2.2898, 2.0310])
    levels = look_levels((np.arange(1, 6) / 5) ** (1 / 3))
    np.testing.assert_allclose(levels, [math.erfc(bound / math.sqrt(2)) for bound in z], rtol=3e-3)
    assert look_levels([216.0])[0] == pytest.approx(0.05)


@pytest.mark.thorough
def test_looks_error_rate() -> None:
    times = np.arange(24, 217, 6) / 216
    rng = np.random.default_rng(0)
    walks = np.cumsum(rng.standard_normal((20_000, times.size)) * np.sqrt(np.diff(np.append(0, times**3))), axis=1)
    p = np.vectorize(math.erfc)(np.abs(walks) / times**1.5 / math.sqrt(2))
    assert np.mean((p < look_levels(times)).any(axis=1)) == pytest.approx(0.05, abs=0.006)


def test_looks_out_of_order() -> None:
    with pytest.raises(SeriesError, match="increase"):
        look_levels([2.0, 1.0])


MIB = 2.0**20


def test_mechanisms() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(3600.0)
    arenas = 64 * MIB * (t // 600)
    heap = np.cumsum(rng.poisson(1.0, t.size)) * 132e3
    flat = np.full(t.size, 1e9)
    assert growth_mechanism(t, arenas, arenas) == "mmap-style"
    assert growth_mechanism(t, heap, heap) == "sbrk-style"
    assert growth_mechanism(t, flat, arenas) == "address-space-only"
    assert growth_mechanism(t, heap, rng.permutation(np.diff(heap, prepend=0)).cumsum()) == "uncorrelated"
    assert growth_mechanism(t, heap, flat) == "continuous drift"
    assert growth_mechanism(t, flat, flat) == "none"


def test_unequal_spreads() -> None:
    pooled = pool([1.0, 3.0], [1e-9, 10.0], method="hartung-knapp")
    assert pooled.slope == pytest.approx(1.0)
    assert np.isfinite(pooled.low)
    assert pooled.tau2 == 0.0


def test_two_replicas_pool_to_the_documented_interval() -> None:
    """docs/methods.md#few-replicas."""
    limits = np.array([[1039.0, 1118.0], [1068.0, 1200.0]])
    pooled = pool(limits.mean(axis=1), np.diff(limits, axis=1)[:, 0] / (2 * 1.96), method="hartung-knapp")
    assert (round(pooled.low, -1), round(pooled.high, -1)) == (760.0, 1440.0)
    assert limits[0, 0] < pooled.slope < limits[1, 1]
