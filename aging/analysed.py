"""One series with what the statistics say of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import numpy as np

import aging.trends.tests
from aging.drivers import Driven, driven
from aging.indicators import PRIMARY, Floats, Series, ages_downwards, resolution
from aging.model import HARNESS, Verdict
from aging.plugins import discover
from aging.threads import one_thread
from aging.trends import SeriesError, Trend, growth_mechanism
from aging.trends.observed import Observed
from aging.trends.tests import TrendTest
from aging.trends.trend import LEAST, analyse

_WORTH_A_POOL = 100_000
"""Samples in all from which a pool of processes saves more than its start costs."""


@dataclass(frozen=True, slots=True)
class Analysed:
    """A series, its trend (None where it is too short), every test's two-sided p, and remarks.

    Of an indicator that ages downwards the trend is that of its negative: a fall is what ages there.
    """

    series: Series
    trend: Trend | None
    tests: Mapping[str, float | None]
    mechanism: str | None
    driven: Driven | None
    notes: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """The trend's, but a step, a cycle or a bounded growth of a few pages is stable for all one can tell."""
        if self.trend is None:
            return "inconclusive"
        if self.trend.verdict == "aging" and self.trend.low <= 0:
            return "inconclusive"  # a rise whose interval reaches below zero contradicts itself
        small = np.ptp(self.series.y) <= resolution(self.series.indicator)
        # Of a deployment a sustained growth is told however small; of the harness, once it could disturb anything.
        passed_over = ("step", "cyclic", "bounded", "aging" if self.series.owner.startswith(HARNESS) else "")
        return "stable" if small and self.trend.verdict in passed_over else self.trend.verdict


def analyse_all(series: Iterable[Series], tests: Mapping[str, TrendTest]) -> list[Analysed]:
    """Analyse every series, on all cores where that pays; the memory of a process tree also for how it grows."""
    every = list(series)
    sizes = {(one.owner, one.replica, one.generation, one.indicator): one for one in every}
    return [
        Analysed(one, told.trend, told.tests, _mechanism(one, sizes), _driven(one), told.notes)
        for one, told in zip(every, _statistics_of(every, tests), strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Statistics:
    trend: Trend | None
    tests: Mapping[str, float | None]
    notes: tuple[str, ...]


def _statistics_of(series: Sequence[Series], tests: Mapping[str, TrendTest]) -> list[_Statistics]:
    if sum(one.t.size for one in series) < _WORTH_A_POOL:
        return [_statistics(one.t, _towards_worse(one), tests) for one in series]
    # Tests go by name: a plug-in's function need not be one that can be sent to another process.
    task = partial(_statistics_by_name, kinds=tuple(tests))
    with ProcessPoolExecutor(mp_context=get_context("forkserver"), initializer=one_thread) as pool:
        return list(pool.map(task, [one.t for one in series], [_towards_worse(one) for one in series]))


def _towards_worse(series: Series) -> Floats:
    """The series, such that more is worse."""
    return -series.y if ages_downwards(series.indicator) else series.y


def _statistics_by_name(t: Floats, y: Floats, kinds: tuple[str, ...]) -> _Statistics:
    known = discover(aging.trends.tests, TrendTest)
    return _statistics(t, y, {kind: known[kind] for kind in kinds})


def _statistics(t: Floats, y: Floats, tests: Mapping[str, TrendTest]) -> _Statistics:
    try:
        series = Observed.of(t, y, LEAST)
        trend = analyse(series, given=t)
    except SeriesError as error:
        return _Statistics(None, dict.fromkeys(tests), (str(error),))
    return _Statistics(trend, {kind: _p(test, series) for kind, test in tests.items()}, trend.notes)


def _p(test: TrendTest, series: Observed) -> float | None:
    try:
        p = test.on(series).p
    except SeriesError:
        return None
    return None if np.isnan(p) else float(p)


def _driven(series: Series) -> Driven | None:
    return driven(series) if series.indicator == PRIMARY and series.work else None


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
