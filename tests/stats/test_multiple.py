"""False-discovery control."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from aging.stats import SeriesError, benjamini_hochberg, benjamini_yekutieli


def test_q_is_that_of_scipy_to_the_last_digit() -> None:
    for size in range(1, 60):
        p = np.round(np.random.default_rng(size).random(size) ** 2, 3)  # some are equal
        p[: size // 20] = 0.0
        np.testing.assert_array_equal(benjamini_hochberg(p), false_discovery_control(p, method="bh"))
        np.testing.assert_array_equal(benjamini_yekutieli(p), false_discovery_control(p, method="by"))


def test_a_missing_p_stays_missing_and_is_no_test() -> None:
    q = benjamini_hochberg([0.01, None, math.nan, 0.02, 0.5])
    assert np.isnan(q[1:3]).all()
    np.testing.assert_allclose(q[[0, 3, 4]], [0.03, 0.03, 0.5])


def test_no_tests_give_no_answers() -> None:
    assert benjamini_hochberg([]).size == 0
    assert np.isnan(benjamini_yekutieli([None])).all()


def test_a_p_beyond_one_is_refused() -> None:
    with pytest.raises(SeriesError, match="between 0 and 1"):
        benjamini_hochberg([0.5, 1.5])
