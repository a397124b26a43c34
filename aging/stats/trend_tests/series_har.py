"""The primary test: a prewhitened series-HAR test of trend on ranks."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtr

from aging.stats.noise.har_variance import cosines_of_test
from aging.stats.noise.models import centred_index
from aging.stats.series.prepared import Observed
from aging.stats.series.validation import as_values
from aging.stats.trend_tests.base import TestResult, TrendTest

LEAST = 12


def series_har(y: ArrayLike) -> TestResult:
    """Test "no monotone trend" in evenly sampled ``y``, shape (n,), n >= 12, whatever its autocorrelation.

    The slope of the ranks is compared with the ranks' projections on twelve slow
    cosines orthogonal to it (series heteroscedasticity- and
    autocorrelation-robust inference: Sun 2011; Lazarus et al. 2018), each first
    divided by the variance that a model of the rank residuals gives it
    (prewhitening). Two models are autoregressive, with the root corrected after
    Roy and Fuller (2001), so that near a unit root the test stays honest; a third
    one, where it explains the residuals better, is fractional noise. The largest
    p is reported; ``z`` is Student t with 12 degrees of freedom, ``s`` the rank
    slope times sqrt(S_tt), ``var_s`` the square of s / z.

    Where the ranks lie on a line exactly there is no noise: z is infinite, p = 0.
    A constant series has z = 0, p = 1. Raises :class:`~aging.stats.SeriesError`.

    >>> round(series_har([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9]).p, 3)
    0.007
    """
    values = as_values(y, least=LEAST)
    return SERIES_HAR.on(Observed(centred_index(values.size), values))


def _test(series: Observed) -> TestResult:
    if np.ptp(series.at_least(LEAST).y) == 0:
        return TestResult(0.0, 0.0, 0.0, 1.0)
    slope, variance = series.rank_trend[0], series.rank_trend_variance
    if not variance:
        return TestResult(slope, 0.0, math.copysign(math.inf, slope), 0.0)
    z = slope / math.sqrt(variance)
    return TestResult(slope, variance, z, float(2 * stdtr(cosines_of_test(series.n), -abs(z))))


SERIES_HAR = TrendTest("series_har", _test)
