"""The Mann–Kendall test with Yue and Wang's correction of the variance for autocorrelation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from aging.trends.autocorrelation import autocorrelation
from aging.trends.kendall import kendall_s, normal_score
from aging.trends.series import as_series
from aging.trends.slope import steps_from_one, theil_sen
from aging.trends.tests import TestResult, TrendTest, two_sided


def yue_wang(t: ArrayLike, y: ArrayLike, lags: int | None = None) -> TestResult:
    """Test "no monotone trend" in ``y`` at times ``t`` (seconds), both shape (n,), n >= 4 (Yue and Wang 2004).

    var S is multiplied by 1 + 2 sum_i (1 - i/n) rho_i, rho the autocorrelations
    of the series less its Sen slope: at all lags; or, for ``lags`` = 1, those of
    the AR(1) process with the first of them (as R's modifiedmk has it); or the first
    ``lags``. All lags is the default of the field's tools and degenerate: the sum
    then tends to -1/2 whatever the series, and half of all white noise is rejected
    at a nominal 5 %. The plug-in uses the first. A variance that is not positive
    gives NaN and says so. Never used for a verdict. Raises
    :class:`~aging.trends.SeriesError`.
    """
    times, values = as_series(t, y, least=4)
    n = values.size
    s, variance = kendall_s(values)
    residuals = values - theil_sen(times, values) * steps_from_one(times)
    if np.ptp(residuals) > 0:
        rho = autocorrelation(residuals)[1 : n if lags is None else lags + 1]
        if lags == 1:
            rho = rho[0] ** np.arange(1, n)
        variance *= float(1 + 2 * np.sum((1 - np.arange(1, rho.size + 1) / n) * rho))
    z = normal_score(s, variance)
    note = None if variance > 0 or s == 0 else "the corrected variance of S is not positive"
    return TestResult(s, variance, z, two_sided(z), note)


YUE_WANG = TrendTest("yue_wang", lambda t, y: yue_wang(t, y, lags=1))
