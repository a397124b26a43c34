"""One series with what the statistics say of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from aging.indicators import PRIMARY, Series, resolution
from aging.model import Verdict
from aging.trends import SeriesError, Trend, growth_mechanism, trend_test
from aging.trends.tests import TrendTest


@dataclass(frozen=True, slots=True)
class Analysed:
    """A series, its trend (None where it is too short), every test's two-sided p, and remarks."""

    series: Series
    trend: Trend | None
    tests: Mapping[str, float | None]
    mechanism: str | None
    notes: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """The trend's, but a step, a cycle or a bounded growth of a few pages is stable for all one can tell."""
        if self.trend is None:
            return "inconclusive"
        small = np.ptp(self.series.y) <= resolution(self.series.indicator)
        return "stable" if small and self.trend.verdict in ("step", "cyclic", "bounded") else self.trend.verdict


def analyse_all(series: Iterable[Series], tests: Mapping[str, TrendTest]) -> list[Analysed]:
    """Analyse every series; the memory of a process tree also for how it grows."""
    every = list(series)
    sizes = {(one.owner, one.replica, one.generation, one.indicator): one for one in every}
    return [_analyse(one, tests, sizes) for one in every]


def _analyse(
    series: Series, tests: Mapping[str, TrendTest], sizes: Mapping[tuple[str, int, int, str], Series]
) -> Analysed:
    try:
        trend = trend_test(series.t, series.y)
    except SeriesError as error:
        return Analysed(series, None, dict.fromkeys(tests), None, (str(error),))
    p_values = {kind: _p(test, series) for kind, test in tests.items()}
    return Analysed(series, trend, p_values, _mechanism(series, sizes), trend.notes)


def _p(test: TrendTest, series: Series) -> float | None:
    try:
        p = test.run(series.t, series.y).p
    except SeriesError:
        return None
    return None if np.isnan(p) else float(p)


def _mechanism(series: Series, sizes: Mapping[tuple[str, int, int, str], Series]) -> str | None:
    if series.indicator != PRIMARY:
        return None
    resident, virtual = (
        sizes.get((series.owner, series.replica, series.generation, name))
        for name in ("process_rss_bytes", "process_vms_bytes")
    )
    if resident is None or virtual is None or not np.array_equal(resident.t, virtual.t):
        return None
    try:
        return str(growth_mechanism(resident.t, resident.y, virtual.y))
    except SeriesError:
        return None
