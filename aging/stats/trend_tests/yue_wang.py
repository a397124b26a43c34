"""The Mann–Kendall test with Yue and Wang's correction of the variance for autocorrelation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from aging.stats.noise.autocorrelation import autocorrelation
from aging.stats.series.prepared import Observed
from aging.stats.series.validation import Floats
from aging.stats.slope.kendall import normal_score
from aging.stats.trend_tests.base import TestResult, TrendTest, two_sided


def yue_wang(t: ArrayLike, y: ArrayLike, lags: int | None = None) -> TestResult:
    """Test "no monotone trend" in ``y`` at times ``t`` (seconds), both shape (n,), n >= 4 (Yue and Wang 2004).

    var S is multiplied by 1 + 2 sum_i (1 - i/n) rho_i, rho the autocorrelations
    of the series less its Sen slope: all of them, or the first ``lags``. With
    ``lags`` = 1 the noise is taken for AR(1) with the first of them, r, and the
    factor is the published one-lag form 1 + 2 (1 - 1/n) r / (1 - r). All lags is
    the default of the field's tools and degenerate: the sum then tends to -1/2
    whatever the series, and half of all white noise is rejected at a nominal 5 %.
    The plug-in uses one, and at 5 % rejects 6, 6, 8 and 25 % of trend-free AR(1)
    series with coefficient 0, 0.6, 0.9 and 0.99 (n = 216). A variance
    that is not positive gives NaN, with the reason in ``note``. Reported because papers do; never
    used for a verdict. Raises :class:`~aging.stats.SeriesError`.
    """
    return _test(Observed.of(t, y), lags)


def _test(series: Observed, lags: int | None) -> TestResult:
    s, variance = series.at_least(4).ranked.s, series.ranked.variance
    if np.ptp(series.without_trend) > 0:
        variance *= 1 + 2 * _correlated_share(autocorrelation(series.without_trend, lags), series.n, lags)
    z = normal_score(s, variance)
    note = None if variance > 0 or s == 0 else "the corrected variance of S is not positive"
    return TestResult(s, variance, z, two_sided(z), note)


YUE_WANG = TrendTest("yue_wang", lambda series: _test(series, lags=1))


def _correlated_share(rho: Floats, n: int, lags: int | None) -> float:
    if lags == 1:
        return float((1 - 1 / n) * rho[1] / (1 - rho[1]))
    last = n if lags is None else min(lags + 1, n)
    return float(np.sum((1 - np.arange(1, last) / n) * rho[1:last]))
