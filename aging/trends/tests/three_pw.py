"""The 3PW test: a trend is one that both kinds of pre-whitening find."""

from __future__ import annotations

import math

from numpy.typing import ArrayLike
from scipy.special import ndtri

from aging.trends.series import as_series
from aging.trends.tests import TestResult, TrendTest
from aging.trends.tests.mann_kendall import mann_kendall
from aging.trends.tests.pre_whitening import pre_whitening
from aging.trends.tests.trend_free_pre_whitening import trend_free_pre_whitening
from aging.trends.whitening import lag_one, without_trend

_SIGNIFICANT = float(ndtri(0.975))
_NEGLIGIBLE = 0.05


def three_pw(t: ArrayLike, y: ArrayLike) -> TestResult:
    """Test "no monotone trend" in ``y`` at times ``t`` (seconds), both shape (n,), n >= 4 (Collaud Coen et al. 2020).

    Where the lag-1 autocorrelation is significantly positive, the less
    significant of pre-whitening and trend-free pre-whitening (the latter only if
    the residuals are autocorrelated too); elsewhere plain Mann–Kendall. At a
    nominal 5 % it rejects 5, 6, 6 and 21 % of trend-free AR(1) series with
    coefficient 0, 0.6, 0.9 and 0.99 (n = 216). Reported
    because papers do; never used for a verdict. Raises
    :class:`~aging.trends.SeriesError`.
    """
    times, values = as_series(t, y, least=4)
    bound = _SIGNIFICANT / math.sqrt(values.size)
    if lag_one(values) < max(bound, _NEGLIGIBLE):
        return mann_kendall(values)
    autocorrelated = abs(lag_one(without_trend(times, values))) >= bound
    other = trend_free_pre_whitening(times, values) if autocorrelated else mann_kendall(values)
    return max(pre_whitening(times, values), other, key=lambda result: result.p)


THREE_PW = TrendTest("three_pw", three_pw)
