"""The seasonal Mann–Kendall test: each hour of the day is compared with itself only."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from aging.stats.series.prepared import Observed
from aging.stats.series.validation import SeriesError
from aging.stats.slope.kendall import kendall_s, normal_score
from aging.stats.trend_tests.base import TestResult, TrendTest, two_sided

DAY = 86_400.0


def seasonal(t: ArrayLike, y: ArrayLike, period: float = DAY, seasons: int = 24) -> TestResult:
    """Test "no monotone trend" in ``y`` at times ``t`` (seconds), both shape (n,), n >= 3.

    Hirsch, Slack and Smith (1982): the ``period`` (seconds) is cut into equal
    ``seasons``; S and its variance are summed over them. A series no longer than
    one period has no answer: NaN, with the reason in ``note``. Dependence is not
    corrected for: at a nominal 5 % it rejects 27, 63 and 86 % of trend-free AR(1)
    series with coefficient 0.6, 0.9 and 0.99 (n = 216, hourly).
    Reported because papers do; never used for a verdict. Raises
    :class:`~aging.stats.SeriesError`.
    """
    return _test(Observed.of(t, y), period, seasons)


def _test(series: Observed, period: float = DAY, seasons: int = 24) -> TestResult:
    times, values = series.at_least(3).t, series.y
    if not (period > 0 and seasons >= 1):
        raise SeriesError(f"period and seasons must be positive, not {period} and {seasons}")
    season = np.floor(np.mod(times, period) / period * seasons + 1e-9).astype(np.int64)
    groups = [values[season == which] for which in np.unique(season)]
    s, variance = 0, 0.0
    for group in groups:
        group_s, group_variance = kendall_s(group)
        s, variance = s + group_s, variance + group_variance
    if times[-1] - times[0] < period or max(group.size for group in groups) < 2:
        return TestResult(s, variance, math.nan, math.nan, "the series is not longer than one period")
    z = normal_score(s, variance)
    return TestResult(s, variance, z, two_sided(z))


SEASONAL = TrendTest("seasonal", _test)
