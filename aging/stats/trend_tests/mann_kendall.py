"""The Mann–Kendall test as published: for independent values only."""

from __future__ import annotations

from numpy.typing import ArrayLike

from aging.stats.series.prepared import Observed
from aging.stats.series.validation import as_values
from aging.stats.slope.kendall import kendall_s, normal_score
from aging.stats.trend_tests.base import TestResult, TrendTest, two_sided


def mann_kendall(y: ArrayLike) -> TestResult:
    """Test "no monotone trend" in ``y``, shape (n,), n >= 3, by Kendall's S (Mann 1945; Kendall 1970).

    Ties are corrected for and the score carries the continuity correction. It
    assumes independent values: at a nominal 5 % it rejects 30, 67 and
    87 % of trend-free AR(1) series with coefficient 0.6, 0.9 and 0.99 (n = 216).
    Reported because papers do; never used for a verdict. Raises :class:`~aging.stats.SeriesError`.

    >>> found = mann_kendall([1, 3, 2, 5, 4, 6, 8, 7, 9, 10])
    >>> found.s, found.var_s, round(found.z, 3), round(found.p, 5)
    (39, 125.0, 3.399, 0.00068)
    """
    return of_s(*kendall_s(as_values(y, least=3)))


def of_s(s: int, variance: float) -> TestResult:
    """Return the result for Kendall's S and its variance."""
    z = normal_score(s, variance)
    return TestResult(s, variance, z, two_sided(z))


def _test(series: Observed) -> TestResult:
    found = series.at_least(3).ranked
    return of_s(found.s, found.variance)


MANN_KENDALL = TrendTest("mann_kendall", _test)
