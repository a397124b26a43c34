"""Differences of growth: per hour, per request and per token, of every indicator that both sides have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from aging.core.metrics import resolution
from aging.findings.comparison.quantity import Quantity
from aging.findings.comparison.side import Facing
from aging.findings.comparison.types import Statistic
from aging.findings.series import Floats, Series
from aging.stats.difference.uncertain import Uncertain, pooled, slope
from aging.stats.difference.welch import Difference, difference, itself
from aging.stats.series.validation import SeriesError

_HOUR = 3600.0
_SAME_LOAD = 0.01
_UNIT_OF_WORK: Mapping[Statistic, str] = {"per_request": "requests", "per_token": "tokens"}


@dataclass(frozen=True, slots=True)
class _Run:
    """The part of a run's series that is judged, with its slope per second."""

    series: Series
    rate: Uncertain


def growth(faced: Facing) -> Iterator[Quantity]:
    """The rates of both sides over the same stretch of load, and how they differ.

    What clients see has no rate per request: it does not grow by being asked.
    """
    for indicator, mine in faced.baseline.series.items():
        theirs = faced.other.series.get(indicator)
        if theirs is not None:
            yield from _of_indicator(faced, indicator, mine, theirs)


def only_on_one_side(faced: Facing) -> list[str]:
    """The indicators that one of both does not have."""
    return sorted(faced.baseline.series.keys() ^ faced.other.series.keys())


def _of_indicator(
    faced: Facing, indicator: str, mine: Mapping[int, Series], theirs: Mapping[int, Series]
) -> Iterator[Quantity]:
    both = [*mine.values(), *theirs.values()]
    if not all(one.t.size for one in both):
        return
    begin, end = max(float(one.t[0]) for one in both), min(float(one.t[-1]) for one in both)
    first, second = (_runs(runs, begin, end) for runs in (mine, theirs))
    if not first or not second:
        return
    base, other = (pooled([run.rate for run in runs.values()]) for runs in (first, second))
    beside = _paired(first, second) if faced.paired else None
    found = difference(base, other) if beside is None else itself(beside)
    level = float(np.median([np.median(np.abs(run.series.y)) for run in first.values()]))
    least = resolution(indicator, level) / (end - begin)
    yield _scaled(Quantity(indicator, "per_hour", base, other, found, least), _HOUR)
    if indicator.startswith("client_"):
        return
    for statistic, work in _UNIT_OF_WORK.items():
        paces = [[run.series.per_second(work) for run in runs.values()] for runs in (first, second)]
        if None in paces[0] or None in paces[1]:
            continue
        ours, others = ([pace for pace in side if pace is not None] for side in paces)
        a, b = (
            pooled([run.rate.scaled(1 / pace) for run, pace in zip(runs.values(), side, strict=True)])
            for runs, side in ((first, ours), (second, others))
        )
        pace = (fmean(ours) + fmean(others)) / 2
        same = abs(fmean(ours) - fmean(others)) <= _SAME_LOAD * pace
        per = itself(beside.scaled(1 / pace)) if beside is not None and same else difference(a, b)
        yield Quantity(indicator, statistic, a, b, per, least / pace)


def _runs(runs: Mapping[int, Series], begin: float, end: float) -> dict[int, _Run]:
    """Each run between two times, with its slope; without those that are too short for one."""
    found = {}
    for replica, series in runs.items():
        part = _between(series, begin, end)
        try:
            found[replica] = _Run(part, slope(part.t, part.y))
        except SeriesError:
            continue
    return found


def _between(series: Series, begin: float, end: float) -> Series:
    inside = (series.t >= begin) & (series.t <= end)
    work = {name: counted[inside] for name, counted in series.work.items()}
    return replace(series, t=series.t[inside], y=series.y[inside], work=work)


def _paired(first: Mapping[int, _Run], second: Mapping[int, _Run]) -> Uncertain | None:
    """The rate of the series of differences, cell by cell: what both had of the host at one time cancels."""
    if first.keys() != second.keys():
        return None
    try:
        return pooled([slope(*_differences(one.series, second[replica].series)) for replica, one in first.items()])
    except SeriesError:
        return None


def _differences(mine: Series, theirs: Series) -> tuple[Floats, Floats]:
    t, ours, others = np.intersect1d(mine.t, theirs.t, assume_unique=True, return_indices=True)
    return t, theirs.y[others] - mine.y[ours]


def _scaled(one: Quantity, factor: float) -> Quantity:
    found = one.difference
    return replace(
        one,
        baseline=one.baseline.scaled(factor),
        other=one.other.scaled(factor),
        relevant=one.relevant * factor,
        difference=found
        and Difference(found.value * factor, found.low * factor, found.high * factor, found.p, found.freedom),
    )
