"""The Mann–Kendall test after pre-whitening."""

from __future__ import annotations

from numpy.typing import ArrayLike

from aging.stats.trend_tests.base import TestResult, TrendTest
from aging.stats.trend_tests.mann_kendall import of_s


def pre_whitening(t: ArrayLike, y: ArrayLike) -> TestResult:
    """Test "no monotone trend" in ``y`` at times ``t`` (seconds), both shape (n,), n >= 4 (von Storch 1995).

    Mann–Kendall on y_k - r y_{k-1}, r the lag-1 autocorrelation. Where there is a
    trend, r takes part of it away: the test is weak rather than wrong. At a
    nominal 5 % it rejects 5, 6, 6 and 21 % of trend-free AR(1) series with
    coefficient 0, 0.6, 0.9 and 0.99 (n = 216). Reported
    because papers do; never used for a verdict. Raises
    :class:`~aging.stats.SeriesError`.
    """
    return PRE_WHITENING.run(t, y)


PRE_WHITENING = TrendTest("pre_whitening", lambda series: of_s(*series.at_least(4).s_pre_whitened))
