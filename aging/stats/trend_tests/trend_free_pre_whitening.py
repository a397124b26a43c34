"""The Mann–Kendall test after trend-free pre-whitening."""

from __future__ import annotations

from numpy.typing import ArrayLike

from aging.stats.trend_tests.base import TestResult, TrendTest
from aging.stats.trend_tests.mann_kendall import of_s


def trend_free_pre_whitening(t: ArrayLike, y: ArrayLike) -> TestResult:
    """Test "no monotone trend" in ``y`` at times ``t`` (seconds), both shape (n,), n >= 4 (Yue et al. 2002).

    Mann–Kendall on the residuals of the Sen slope, whitened by their lag-1
    autocorrelation, with the slope put back. Putting back a slope that is noise
    makes noise a trend: at a nominal 5 % it rejects 40, 83 and 97 % of trend-free
    AR(1) series with coefficient 0.6, 0.9 and 0.99 (n = 216). Reported because papers do; never
    used for a verdict. Raises :class:`~aging.stats.SeriesError`.
    """
    return TREND_FREE_PRE_WHITENING.run(t, y)


TREND_FREE_PRE_WHITENING = TrendTest(
    "trend_free_pre_whitening", lambda series: of_s(*series.at_least(4).s_trend_free_pre_whitened)
)
