"""The study of host effects in small: truth is held, a doubled host is named, and no other."""

from __future__ import annotations

import numpy as np
import pytest

from aging.stats.host_effects import Observation, mean_over_hosts
from analysis.study.host_effects import coverage, errors_of, naming, side_by_side


def test_intervals_hold_the_truth() -> None:
    row = coverage(5, 2.0, 2000)
    assert 0.93 < float(str(row["mean"])) < 0.98
    assert 0.93 < float(str(row["host sd"])) < 0.97


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


def test_doubled_host_is_named() -> None:
    row = naming("doubled", "one cell", 8, 0.05, 5)
    assert (row["named"], row["false"]) == (1.0, 0.0)
