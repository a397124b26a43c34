"""The 3PW test: a trend is one that both kinds of pre-whitening find."""

from __future__ import annotations

import math

from numpy.typing import ArrayLike
from scipy.special import ndtri

from aging.stats.noise.prewhitening import lag_one
from aging.stats.series.prepared import Observed
from aging.stats.trend_tests.base import TestResult, TrendTest
from aging.stats.trend_tests.mann_kendall import MANN_KENDALL
from aging.stats.trend_tests.pre_whitening import PRE_WHITENING
from aging.stats.trend_tests.trend_free_pre_whitening import TREND_FREE_PRE_WHITENING

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
    :class:`~aging.stats.SeriesError`.
    """
    return THREE_PW.run(t, y)


def _test(series: Observed) -> TestResult:
    bound = _SIGNIFICANT / math.sqrt(series.at_least(4).n)
    if lag_one(series.y) < max(bound, _NEGLIGIBLE):
        return MANN_KENDALL.on(series)
    autocorrelated = abs(lag_one(series.without_trend)) >= bound
    other = TREND_FREE_PRE_WHITENING if autocorrelated else MANN_KENDALL
    return max(PRE_WHITENING.on(series), other.on(series), key=lambda result: result.p)


THREE_PW = TrendTest("three_pw", _test)
