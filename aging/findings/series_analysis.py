"""The statistics of one series, of a campaign's indicator or of a table's column: trend and p of every test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aging.stats.note import Note, not_analyzed
from aging.stats.series.prepared import Observed
from aging.stats.series.validation import SeriesError
from aging.stats.trend import LEAST, Trend, analyze
from aging.stats.trend_tests.base import TrendTest

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SeriesAnalysis:
    """The trend of a series (None where it is too short), every test's two-sided p, and remarks.

    ``untested`` gives the reason for each test without a p.
    """

    trend: Trend | None
    tests: Mapping[str, float | None]
    untested: Mapping[str, str]
    notes: tuple[Note, ...]

    @classmethod
    def impossible(cls, tests: Mapping[str, TrendTest], reason: str) -> SeriesAnalysis:
        """The analysis of a series that cannot be analyzed, for this ``reason``."""
        return cls(None, dict.fromkeys(tests), dict.fromkeys(tests, reason), (not_analyzed(reason),))

    def why_untested(self, test: str) -> str | None:
        """Why the series has no p of this test; None where it has one."""
        if self.tests.get(test) is not None:
            return None
        return self.untested.get(test, "no such test is installed")


def series_analysis(  # noqa: PLR0913 - a series, and four things known of it
    t: Floats,
    y: Floats,
    tests: Mapping[str, TrendTest],
    work: Mapping[str, Floats] | None = None,
    resolution: float | None = None,
    *,
    brief: bool = False,
) -> SeriesAnalysis:
    """Analyze ``y`` at ``t`` seconds since the start of load, both shape (n,).

    ``work`` and ``resolution`` as in :func:`aging.stats.trend_test`, ``brief`` as in :func:`aging.stats.trend.analyze`.
    """
    try:
        series = Observed.of(t, y, LEAST)
        trend = analyze(series, given=t, work=work, resolution=resolution, brief=brief)
    except SeriesError as error:
        return SeriesAnalysis.impossible(tests, str(error))
    results = {kind: _test_result(test, series) for kind, test in tests.items()}
    return SeriesAnalysis(
        trend,
        {kind: None if np.isnan(p) else float(p) for kind, (p, _) in results.items()},
        {kind: why for kind, (p, why) in results.items() if np.isnan(p)},
        trend.notes,
    )


def _test_result(test: TrendTest, series: Observed) -> tuple[float, str]:
    """The p of a test (NaN where it has none), and the reason for NaN."""
    try:
        result = test.on(series)
    except SeriesError as error:
        return np.nan, str(error)
    return result.p, result.note or "the test gave no p value"
