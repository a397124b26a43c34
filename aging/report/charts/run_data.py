"""The data of the plots: the raw series of a run, thinned for a screen, in seconds since its load began."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS
from aging.findings.latencies import Base, latencies
from aging.findings.series import Floats, Measured, Series, Window
from aging.findings.types import Finding
from aging.store.events import DeploymentDied, DeploymentStarted, Event, RejuvenationStarted

BUCKETS = 480
"""Horizontal places of a plot; of a longer series the least and the greatest value of each are drawn."""

BASE: Base = "sent"
"""The base of the time to first token, the same as that of the indicators."""

_GAP = 5.0
"""A pause this many times the usual one is a gap, and no line is drawn over it."""


Origin = Literal["load", "watch"]
"""The event that the seconds of a run are counted from."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A line to draw: seconds since the load began and values; NaN where the line is broken."""

    t: Floats
    y: Floats


@dataclass(frozen=True, slots=True)
class Fit:
    """A finding's slope through one generation, with half of the values above it.

    ``level`` is the line's value at time ``middle``; slopes are in the indicator's unit per second.
    """

    first: float
    last: float
    middle: float
    level: float
    slope: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Mark:
    """An event of a run at ``at`` seconds since its load began."""

    at: float
    kind: str


@dataclass(frozen=True, slots=True)
class MemoryTrace:
    """The primary indicator of a run with its fit, warm-ups and events."""

    owner: str
    replica: int
    raw: Sequence[Trace]
    medians: Sequence[Trace]
    fit: Fit | None
    warmups: Sequence[tuple[float, float]]
    marks: Sequence[Mark]
    planned_seconds: float
    origin: Origin


@dataclass(frozen=True, slots=True)
class LatencyTrace:
    """A run's time to first token on the analysis grid, and the outcomes of its requests."""

    deployment: str
    replica: int
    median: Trace
    p95: Trace
    failures: Floats
    requests: int
    errors: int
    dropped: int
    overall_median: float | None
    overall_p95: float | None
    warmup: float
    marks: Sequence[Mark]


def memory_trace(measured: Measured, deployment: str, replica: int, finding: Finding | None) -> MemoryTrace | None:
    """The primary indicator of one run; None for a run without load or without samples."""
    results, window = measured.results, measured.windows.get((deployment, replica))
    rows = _primary(results.tree(deployment, replica))
    if window is None or rows.empty:
        return None
    series = [one for one in measured.of(deployment, replica) if one.indicator == PRIMARY]
    marks = _marks(results.events, deployment, replica, window)
    state = results.state.runs[deployment, replica]
    run = _Run(deployment, replica, rows, finding, "watch" if state.watched else "load")
    return _memory(run, window, series, marks, state.planned_seconds or 0.0)


def harness_traces(measured: Measured) -> Iterator[MemoryTrace]:
    """The primary indicator of each process of the harness."""
    results = measured.results
    rows = _primary(results.samples(HARNESS, "process", columns=("mono", "entity", "generation", PRIMARY)))
    if not measured.windows or rows.empty:
        return
    window = measured.harness_window
    planned = window.load_end - window.load_start
    origin: Origin = "watch" if all(state.watched for state in results.state.runs.values()) else "load"
    for entity, part in rows.groupby("entity"):
        owner = f"{HARNESS}/{entity}"
        mine = [one for one in measured.harness if one.owner == owner and one.indicator == PRIMARY]
        yield _memory(_Run(owner, 1, part, None, origin), window, mine, (), planned)


def latency_trace(measured: Measured, deployment: str, replica: int, base: Base = BASE) -> LatencyTrace | None:
    """Times to first token of one run since ``base``; None for a run without load or without requests."""
    results, window = measured.results, measured.windows.get((deployment, replica))
    rows = results.requests(deployment, replica)
    if window is None or rows.empty:
        return None
    seconds = latencies(rows, base)["ttft"].dropna()
    ttft = seconds.to_numpy(dtype=np.float64)
    t = rows.loc[seconds.index, "finished"].to_numpy(dtype=np.float64) - window.load_start
    edge = max(window.grid, (window.load_end - window.load_start) / BUCKETS)
    failed = rows[rows["status"].isin(("error", "dropped"))]
    return LatencyTrace(
        deployment=deployment,
        replica=replica,
        median=_binned(t, ttft, edge, 0.5),
        p95=_binned(t, ttft, edge, 0.95),
        failures=_distinct(failed["finished"].to_numpy(dtype=np.float64) - window.load_start, edge),
        requests=len(rows),
        errors=int((rows["status"] == "error").sum()),
        dropped=int((rows["status"] == "dropped").sum()),
        overall_median=float(np.quantile(ttft, 0.5)) if ttft.size else None,
        overall_p95=float(np.quantile(ttft, 0.95)) if ttft.size else None,
        warmup=window.warmup,
        marks=_marks(results.events, deployment, replica, window),
    )


def thin(t: Floats, y: Floats, buckets: int = BUCKETS) -> Trace:
    """The least and the greatest value of each of ``buckets`` equal spans of time, in order of time."""
    if t.size <= 4 * buckets:
        return Trace(t, y)
    place = np.minimum(((t - t[0]) / (t[-1] - t[0]) * buckets).astype(np.int64), buckets - 1)
    order = np.lexsort((y, place))
    first = np.flatnonzero(np.diff(place[order], prepend=-1))
    last = np.append(first[1:], order.size) - 1
    kept = np.unique(np.concatenate([order[first], order[last]]))
    return Trace(t[kept], y[kept])


def binned_medians(t: Floats, y: Floats, buckets: int = BUCKETS // 2) -> Trace:
    """The median of each of ``buckets`` equal spans of time, where there are more values than a screen can show."""
    if t.size <= 2 * buckets:
        return Trace(t, y)
    width = (t[-1] - t[0]) / buckets
    return _cells(t - t[0], y, width, 0.5, t[0])


def split_at_gaps(t: Floats, y: Floats) -> Trace:
    """The line with a NaN in every pause that is much longer than the usual one."""
    if t.size < 3:
        return Trace(t, y)
    steps = np.diff(t)
    gaps = np.flatnonzero(steps > _GAP * np.median(steps)) + 1
    return Trace(np.insert(t, gaps, t[gaps - 1]), np.insert(y, gaps, np.nan))


@dataclass(frozen=True, slots=True)
class _Run:
    """The run to draw: its owner, sampled rows and finding."""

    owner: str
    replica: int
    rows: pd.DataFrame
    finding: Finding | None
    origin: Origin


def _memory(run: _Run, window: Window, series: Sequence[Series], marks: Sequence[Mark], planned: float) -> MemoryTrace:
    rows = run.rows
    inside = rows[(rows["mono"] >= window.load_start) & (rows["mono"] <= window.load_end)]
    generations = inside["generation"].to_numpy(dtype=np.int64)
    starts: dict[int, float] = {}
    raw, warmups = [], []
    for generation in np.unique(generations).tolist():
        part = inside[generations == generation]
        t = part["mono"].to_numpy(dtype=np.float64) - window.load_start
        begin = starts[generation] = float(t[0]) if starts else -window.earlier
        trace = thin(t, part[PRIMARY].to_numpy(dtype=np.float64))
        raw.append(split_at_gaps(trace.t, trace.y))
        if begin + window.warmup > max(begin, 0.0):
            warmups.append((max(begin, 0.0), min(begin + window.warmup, float(t[-1]))))
    analyzed = [one for one in series if one.t.size and one.generation in starts]
    starts |= {one.generation: -one.before.assumed for one in analyzed if one.before is not None}
    medians = [binned_medians(one.t + starts[one.generation], one.y) for one in analyzed]
    chosen = max(analyzed, key=lambda one: one.t.size, default=None)
    return MemoryTrace(
        owner=run.owner,
        replica=run.replica,
        raw=raw,
        medians=[split_at_gaps(one.t, one.y) for one in medians],
        fit=None if chosen is None else _fit(chosen, starts[chosen.generation], run.finding),
        warmups=warmups,
        marks=marks,
        planned_seconds=planned,
        origin=run.origin,
    )


def _fit(series: Series, start: float, finding: Finding | None) -> Fit | None:
    if finding is None or finding.slope_per_hour is None or series.t.size < 2:
        return None
    low, high = finding.ci_per_hour or (None, None)
    slope, middle = finding.slope_per_hour / 3600, float(np.median(series.t))
    return Fit(
        first=float(series.t[0]) + start,
        last=float(series.t[-1]) + start,
        middle=middle + start,
        level=float(np.median(series.y - slope * (series.t - middle))),
        slope=slope,
        low=None if low is None else low / 3600,
        high=None if high is None else high / 3600,
    )


def _primary(rows: pd.DataFrame) -> pd.DataFrame:
    if rows.empty or PRIMARY not in rows:
        return pd.DataFrame()
    return rows[rows[PRIMARY].notna()].sort_values("mono")


def _marks(events: Iterable[Event], deployment: str, replica: int, window: Window) -> tuple[Mark, ...]:
    kinds = {DeploymentDied: "died", RejuvenationStarted: "rejuvenated", DeploymentStarted: "restarted"}
    marks: list[Mark] = []
    for event in events:
        at = event.stamp.mono - window.load_start
        kind = kinds.get(type(event))
        if not event.of_run(deployment, replica) or kind is None or at < 0:
            continue
        if kind == "restarted" and marks and marks[-1].kind == "rejuvenated":
            continue  # the restart is part of the rejuvenation
        marks.append(Mark(at, kind))
    return tuple(marks)


def _binned(t: Floats, y: Floats, width: float, quantile: float) -> Trace:
    if not t.size:
        return Trace(t, y)
    cells = _cells(t, y, width, quantile, 0.0)
    return split_at_gaps(cells.t, cells.y)


def _cells(t: Floats, y: Floats, width: float, quantile: float, origin: float) -> Trace:
    """The quantile of each cell of ``width``, at the cell's middle."""
    cells = pd.Series(y).groupby(np.floor(t / width)).quantile(quantile)
    middles: Floats = (cells.index.to_numpy(dtype=np.float64) + 0.5) * width + origin
    return Trace(middles, np.asarray(cells, dtype=np.float64))


def _distinct(t: Floats, width: float) -> Floats:
    """One time per cell: ten thousand failures in a minute are one mark."""
    cells: Floats = np.unique(np.floor(t / width))
    return (cells + 0.5) * width
