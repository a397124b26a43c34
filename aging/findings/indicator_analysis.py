"""The indicators of a campaign: each series with its statistics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Protocol

import numpy as np

import aging.stats.trend_tests
from aging.core.blas_threads import one_thread
from aging.core.metrics import PRIMARY, ages_downwards, resolution
from aging.core.plugins import discover
from aging.findings.growth_driver import GrowthDriver, growth_driver
from aging.findings.series import Floats, Series
from aging.findings.series_analysis import SeriesAnalysis, series_analysis
from aging.findings.types import Verdict
from aging.findings.verdict import of_series
from aging.stats import SeriesError, growth_mechanism
from aging.stats.trend_tests.base import TrendTest

_WORTH_A_POOL = 100_000
"""Samples in all from which a pool of processes saves more than its start costs."""


@dataclass(frozen=True, slots=True)
class IndicatorAnalysis:
    """An indicator's series with its statistics, the mechanism of its growth and its driver.

    For an indicator that ages downwards the trend is that of its negative: there a fall is aging.
    """

    series: Series
    result: SeriesAnalysis
    mechanism: str | None
    driver: GrowthDriver | None

    @property
    def verdict(self) -> Verdict:
        """The verdict of this series alone."""
        trend, series = self.result.trend, self.series
        if trend is None:
            return of_series(None, 0.0, 0.0)
        verdict: Verdict = trend.verdict
        if verdict == "declining" and ages_downwards(series.indicator):  # its negative falls: it gets better
            verdict = "stable"
        return of_series(verdict, float(np.ptp(series.y)), _resolution(series))


class Mapper(Protocol):
    """Computes the statistics of series, one result a series in the same order; where, is its choice.

    The results are equal to those of :func:`alone`, to the last bit.
    """

    def __call__(self, series: Sequence[Series], tests: Mapping[str, TrendTest]) -> Sequence[SeriesAnalysis]: ...


def alone(series: Sequence[Series], tests: Mapping[str, TrendTest]) -> Sequence[SeriesAnalysis]:
    """The mapper that computes one series after the other in this process."""
    return [_result(one, tests) for one in series]


def on_all_cores(series: Sequence[Series], tests: Mapping[str, TrendTest]) -> Sequence[SeriesAnalysis]:
    """The mapper that starts a pool of processes where that is faster."""
    if sum(one.t.size for one in series) < _WORTH_A_POOL:
        return alone(series, tests)
    # Tests are passed by name: the function of a plug-in may not be picklable.
    task = partial(_result_by_name, kinds=tuple(tests))
    try:
        with ProcessPoolExecutor(mp_context=get_context("forkserver"), initializer=one_thread) as pool:
            return list(pool.map(task, series))
    except BrokenProcessPool:  # a worker was killed, mostly for lack of memory: one process needs less
        return alone(series, tests)


def by_name(series: Sequence[Series], kinds: Sequence[str]) -> Sequence[SeriesAnalysis]:
    """As :func:`alone`, with tests that this process finds by their kinds."""
    known = discover(aging.stats.trend_tests, TrendTest)
    return alone(series, {kind: known[kind] for kind in kinds})


def analyze_all(
    series: Iterable[Series], tests: Mapping[str, TrendTest], mapper: Mapper = on_all_cores
) -> list[IndicatorAnalysis]:
    """Analyze every series where ``mapper`` computes; of a process tree's memory also mechanism and driver."""
    every = list(series)
    sizes = {(one.owner, one.replica, one.generation, one.indicator): one for one in every}
    return [
        IndicatorAnalysis(one, result, _mechanism(one, sizes), _driver(one))
        for one, result in zip(every, mapper(every, tests), strict=True)
    ]


def _result(series: Series, tests: Mapping[str, TrendTest]) -> SeriesAnalysis:
    return series_analysis(series.t, _towards_worse(series), tests, series.work, _resolution(series))


def _resolution(series: Series) -> float:
    return resolution(series.indicator, float(np.median(np.abs(series.y)))) if series.y.size else 0.0


def _towards_worse(series: Series) -> Floats:
    """The values with a sign such that more is worse."""
    return -series.y if ages_downwards(series.indicator) else series.y


def _result_by_name(series: Series, kinds: tuple[str, ...]) -> SeriesAnalysis:
    return by_name([series], kinds)[0]


def _driver(series: Series) -> GrowthDriver | None:
    return growth_driver(series) if series.indicator == PRIMARY and series.work else None


def _mechanism(series: Series, sizes: Mapping[tuple[str, int, int, str], Series]) -> str | None:
    if series.indicator != PRIMARY:
        return None
    resident, virtual = (
        sizes.get((series.owner, series.replica, series.generation, name))
        for name in ("process_rss_bytes", "process_vms_bytes")
    )
    if resident is None or virtual is None or resident.t.size != virtual.t.size or not resident.t.size:
        return None
    if not np.allclose(resident.t - resident.t[0], virtual.t - virtual.t[0]):  # starts of load may differ
        return None
    try:
        return str(growth_mechanism(resident.t, resident.y, virtual.y))
    except SeriesError:
        return None
