"""The Mann–Kendall test with Yue and Wang's correction of the variance for autocorrelation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from aging.trends.autocorrelation import autocorrelation
from aging.trends.kendall import kendall_s, normal_score
from aging.trends.series import Floats, as_series
from aging.trends.slope import steps_from_one, theil_sen
from aging.trends.tests import TestResult, TrendTest, two_sided


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
    that is not positive gives NaN and says so. Reported because papers do; never
    used for a verdict. Raises :class:`~aging.trends.SeriesError`.
    """
    times, values = as_series(t, y, least=4)
    s, variance = kendall_s(values)
    residuals = values - theil_sen(times, values) * steps_from_one(times)
    if np.ptp(residuals) > 0:
        variance *= 1 + 2 * _correlated_share(autocorrelation(residuals), lags)
    z = normal_score(s, variance)
    note = None if variance > 0 or s == 0 else "the corrected variance of S is not positive"
    return TestResult(s, variance, z, two_sided(z), note)


YUE_WANG = TrendTest("yue_wang", lambda t, y: yue_wang(t, y, lags=1))


def _correlated_share(rho: Floats, lags: int | None) -> float:
    n = rho.size
    if lags == 1:
        return float((1 - 1 / n) * rho[1] / (1 - rho[1]))
    last = n if lags is None else lags + 1
    return float(np.sum((1 - np.arange(1, last) / n) * rho[1:last]))
