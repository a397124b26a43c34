"""The study of host effects in small: truth is held, a doubled host is named, and no other."""

from __future__ import annotations

import numpy as np
import pytest

from aging.stats.host_effects import Observation, host_deviations, mean_over_hosts
from analysis.study.host_effects import (
    DESIGNS,
    adjusted_side_by_side,
    coverage,
    deleted_side_by_side,
    errors_of,
    naming,
    side_by_side,
)


def test_intervals_hold_the_truth() -> None:
    row = coverage(5, 2.0, 2000)
    assert 0.93 < float(str(row["mean"])) < 0.98
    assert 0.93 < float(str(row["host sd"])) < 0.97


def test_studies_without_an_interval_of_the_spread_hold_nothing() -> None:
    """Where hosts do not differ, 2.5 % are too alike for an interval, and 2.5 % are found to differ."""
    row = coverage(5, 0.0, 4000)
    assert abs(float(str(row["none"])) - 0.025) < 4 * 0.0025
    assert abs(float(str(row["host sd"])) - 0.95) < 4 * 0.0035


def test_the_package_has_no_interval_as_often() -> None:
    rng = np.random.default_rng(3)
    spreads = []
    for _ in range(1000):
        cells = [Observation("a", host, rng.standard_normal(), 1.0) for host in "gh"]
        spreads.append(mean_over_hosts(cells).spread)
    none = np.mean([one is not None and one.limits is None for one in spreads])
    assert abs(none - 0.025) < 4 * 0.005


def test_side_by_side_is_what_the_package_computes() -> None:
    rng = np.random.default_rng(1)
    errors = np.array([errors_of(rng, 6) for _ in range(5)])
    y = 2 * rng.standard_normal((5, 6))
    for rates, own, middle, error, between in zip(y, errors, *side_by_side(y, errors), strict=True):
        pairs = enumerate(zip(rates, own, strict=True))
        found = mean_over_hosts([Observation("a", f"h{n}", float(rate), float(s)) for n, (rate, s) in pairs])
        assert found.spread is not None
        assert (found.rate, found.error) == pytest.approx((middle, error), rel=1e-6)
        assert found.spread.host_sd**2 == pytest.approx(between, rel=1e-5)


def test_outliers_side_by_side_are_those_of_the_package() -> None:
    rng = np.random.default_rng(2)
    errors = np.array([errors_of(rng, 4) for _ in range(20)])
    y = 3 * rng.standard_normal((20, 4))
    p = deleted_side_by_side(y, errors)
    for rates, own, side, adjusted in zip(y, errors, p, adjusted_side_by_side(p), strict=True):
        pairs = enumerate(zip(rates, own, strict=True))
        found = host_deviations([Observation("a", f"h{n}", float(rate), float(s)) for n, (rate, s) in pairs])
        assert [one.p for one in found] == pytest.approx(side, rel=1e-5)
        assert [one.q for one in found] == pytest.approx(adjusted, rel=1e-5)


@pytest.mark.parametrize("design", DESIGNS)
def test_doubled_host_is_named(design: str) -> None:
    row = naming("doubled", design, 8, 0.05, 5)
    assert (row["named"], row["false"]) == (1.0, 0.0)


def test_four_hosts_are_named_falsely_as_often_as_q_allows() -> None:
    """Their deleted residuals have Student's t with 2 degrees of freedom: 0.10 is exact where hosts differ a lot."""
    found = float(str(naming("none", "one cell", 4, 0.3, 4000)["false"]))
    assert abs(found - 0.10) < 4 * 0.0047
