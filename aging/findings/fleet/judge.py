"""Who of a fleet ages: every line judged alone, then all of them under one false-discovery control."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from aging.core.blas_threads import one_thread
from aging.core.metrics import DEVICE_MEMORY
from aging.findings.asked import AskedOfSeries
from aging.findings.fleet.fetch import Fleet
from aging.findings.fleet.names import families, subjects
from aging.findings.fleet.subjects import Line
from aging.findings.fleet.types import AGES, SCHEMA, Scan, ScanFinding, Trace
from aging.findings.table_analysis import TableAnalysis, analyze_series
from aging.findings.types import Outlook
from aging.findings.verdict import of_finding
from aging.stats import Trend, hierarchical_fdr
from aging.stats.note import Note
from aging.stats.series.block_medians import block_medians
from aging.tables.prometheus import Window
from aging.tables.series import TableSeries

Floats = NDArray[np.float64]

_HOUR = 3600.0
_MOST_SAMPLES = 672
"""A series is thinned to medians of blocks, about so many: the verdict on days does not need minutes."""

_TRACE_POINTS = 96
_WORTH_A_POOL = 200
_CHUNK = 16
_STALE_SECONDS = 300.0
_COLUMNS = {"descriptors": "process_fds", "threads": "process_threads", "gpu-memory": DEVICE_MEMORY}
"""The indicators whose resolution holds for a resource."""

_RANK = {"exhausted": 0, "aging": 1, "capped": 2, "declining": 4, "bounded": 3, "inconclusive": 5}


_SINCE_RESTART = Note("since_restart", "It ages since its last restart; it did not before.")

_Mapped = Callable[["Callable[[_Case], ScanFinding]", "Sequence[_Case]"], Iterable[ScanFinding]]


@dataclass(frozen=True, slots=True)
class Judging:
    """How a fleet is judged: the level of false-discovery control, until when a limit matters (seconds), and by how
    many processes.
    """

    level: float = 0.05
    horizon: float = 30 * 86_400.0
    processes: int = 2


@dataclass(frozen=True, slots=True)
class _Case:
    """A line and what is known of it, as it travels to a process of the pool."""

    line: Line
    subject: str
    family: str
    limit: tuple[str, float] | None


def judge(
    fleet: Fleet, window: Window, server: str, judging: Judging, progress: Callable[[int, int], None] | None = None
) -> Scan:
    """Judge every line of a fleet briefly, and those that age in full."""
    named = zip(fleet.lines, subjects(fleet.lines), families(fleet.lines), fleet.limits, strict=True)
    cases = [_Case(*one) for one in named]
    task = partial(_finding, window=window, horizon=judging.horizon)
    with _workers(len(cases), judging.processes) as mapped:
        found: list[ScanFinding] = []
        for one in mapped(partial(task, brief=True), cases):
            found.append(one)
            if progress is not None:
                progress(len(found), len(cases))
        controlled = _controlled(found, judging.level)
        aging = [place for place, one in enumerate(controlled) if one.ages]
        for place, one in zip(aging, mapped(task, [cases[place] for place in aging]), strict=True):
            controlled[place] = replace(one, q=controlled[place].q)
    ordered = sorted(controlled, key=_place)
    return Scan(SCHEMA, server, window.start, window.end, window.step, judging.level, ordered, fleet.failures)


@contextmanager
def _workers(count: int, processes: int) -> Iterator[_Mapped]:
    """What judges cases, in their order: here, or in a pool of processes where that is worth its start."""
    if count < _WORTH_A_POOL or processes < 2:
        yield map
        return
    with ProcessPoolExecutor(processes, get_context("forkserver"), initializer=one_thread) as pool:
        yield partial(pool.map, chunksize=_CHUNK)


def _controlled(findings: Sequence[ScanFinding], level: float) -> list[ScanFinding]:
    """The findings with their q: subjects first, then the metrics of those selected (Benjamini and Bogomolov 2014)."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(findings):
        places[one.family].append(place)
    adjusted = hierarchical_fdr({name: [findings[at].p for at in those] for name, those in places.items()})
    controlled = list(findings)
    for name, those in places.items():
        for at, value in zip(those, adjusted[name].tolist(), strict=True):
            q = None if np.isnan(value) else value
            decided = of_finding(findings[at].verdict, q, level)
            notes = (*findings[at].notes, *decided.notes)
            controlled[at] = replace(findings[at], q=q, verdict=decided.verdict, notes=notes)
    return controlled


def _place(finding: ScanFinding) -> tuple[int, float, str, str]:
    soonest = None if finding.outlook is None else finding.outlook.earliest_hours
    return _RANK.get(finding.verdict, 6), np.inf if soonest is None else soonest, finding.subject, finding.metric


def _finding(case: _Case, window: Window, horizon: float, brief: bool = False) -> ScanFinding:
    line, entry = case.line, case.line.entry
    known = np.isfinite(line.values)
    times, values = window.times[known], line.values[known]
    alive = bool(times[-1] >= window.end - 2 * max(window.step, _STALE_SECONDS))
    series = _series(line, times, values, case.limit)
    asked = AskedOfSeries(entry.worse, None, horizon if alive else None, brief)
    analyzed = analyze_series(series, {}, None, None, asked)
    restarts = tuple(one.at + (series.start or 0.0) for one in analyzed.restarts)
    notes = analyzed.notes
    if _ages_since_restart(analyzed):
        last = series.t >= analyzed.generations[-1].start
        age = series.t[last] - series.t[last][0] + window.step
        analyzed = analyze_series(
            replace(series, t=age, y=series.y[last], restarts=(), origin_assumed=False), {}, None, None, asked
        )
        notes = (*analyzed.notes, _SINCE_RESTART)
    trend, rate = analyzed.trend, analyzed.rate
    least = None if trend is None or trend.minimum_detectable is None else trend.minimum_detectable * _HOUR
    return ScanFinding(
        subject=case.subject,
        family=case.family,
        labels=line.identity,
        latest=line.labels,
        metric=entry.shown,
        resource=entry.resource,
        measure=entry.measure,
        worse=entry.worse,
        verdict=analyzed.verdict,
        shape=None if trend is None else trend.shape,
        rate=None if rate is None else rate.rate * _HOUR,
        low=None if rate is None else rate.low * _HOUR,
        high=None if rate is None else rate.high * _HOUR,
        least_detectable=least,
        p=None if trend is None else min(_towards_worse(trend, entry.worse) * (2 if restarts else 1), 1.0),
        q=None,
        samples=int(times.size),
        first=float(times[0]),
        last=float(times[-1]),
        level=float(values[-1]),
        limit=analyzed.limit,
        limit_name=None if case.limit is None else case.limit[0],
        outlook=_outlook(analyzed, case.limit),
        restarts=restarts,
        restart_hours=_distance(restarts, float(times[0]), float(times[-1])),
        trace=_trace(window, line, restarts),
        notes=notes,
    )


def _ages_since_restart(analyzed: TableAnalysis) -> bool:
    """Whether the last generation ages and all of them together do not, as after a deploy of what leaks.

    With two such questions of one series, its p counts double.
    """
    if analyzed.verdict in AGES or len(analyzed.generations) < 2:
        return False
    last = analyzed.generations[-1].result.trend
    return last is not None and last.verdict == "aging"


def _series(line: Line, times: Floats, values: Floats, limit: tuple[str, float] | None) -> TableSeries:
    """The line as a series from the start of its process, thinned within its generations."""
    t, y = thinned(times, values, line.restarts)
    start = float(times[0]) if line.began is None else min(line.began, float(times[0]))
    return TableSeries(
        column=_COLUMNS.get(line.entry.resource, line.entry.metric.replace(":", "_")),
        t=t - start,
        y=y,
        origin_assumed=line.began is None,
        measure=line.entry.measure,
        start=start,
        limit=None if limit is None else limit[1],
        restarts=tuple(at - start for at in line.restarts) if line.restarts or line.began is not None else None,
    )


def thinned(t: Floats, y: Floats, restarts: Sequence[float], most: int = _MOST_SAMPLES) -> tuple[Floats, Floats]:
    """The medians of blocks of ``y`` at ``t``, both shape (n,), about ``most`` in all; no block goes over a restart."""
    size = -(-t.size // most)
    if size == 1:
        return t, y
    bounds = [0, *np.searchsorted(t, restarts).tolist(), t.size]
    pieces = [
        block_medians(t[first:last], y[first:last], max(-(-(last - first) // size), 1))
        for first, last in pairwise(bounds)
        if last > first
    ]
    return np.concatenate([piece[0] for piece in pieces]), np.concatenate([piece[1] for piece in pieces])


def _towards_worse(trend: Trend, worse: str) -> float:
    """The one-sided p of a growth in the worse direction."""
    slope = -trend.slope if worse == "down" else trend.slope
    return trend.p / 2 if slope > 0 else 1 - trend.p / 2


def _outlook(analyzed: TableAnalysis, limit: tuple[str, float] | None) -> Outlook | None:
    found = analyzed.outlook
    return found if found is None or limit is None else replace(found, limit_name=limit[0])


def _distance(restarts: Sequence[float], first: float, last: float) -> float | None:
    """The usual hours between restarts; of one, the whole time that was seen."""
    if not restarts:
        return None
    return (float(np.median(np.diff(restarts))) if len(restarts) > 1 else last - first) / _HOUR


def _trace(window: Window, line: Line, restarts: Sequence[float]) -> Trace:
    size = -(-window.points // _TRACE_POINTS)
    t, y = window.times[::size], line.values
    padded = np.append(y, np.full(-y.size % size, np.nan)).reshape(-1, size)
    kept = np.isfinite(padded)
    counts = kept.sum(axis=1)
    means = np.where(counts > 0, np.where(kept, padded, 0.0).sum(axis=1) / np.maximum(counts, 1), np.nan)
    return Trace(tuple(t.tolist()), tuple(means.tolist()), restarts)
