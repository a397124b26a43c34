"""A judged indicator of a run over time: samples, medians, warm-ups, generations, the slope and the current rate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from aging.core import format
from aging.core.metrics import ALLOCATOR, DEVICE_MEMORY, client_indicator, resolution
from aging.core.records import HARNESS
from aging.findings.readings import readings
from aging.findings.series import Measured, Series, Window, load_classes
from aging.findings.types import Finding
from aging.report.charts import cells
from aging.report.charts.chart import Band, Chart, Floats, Line, Mark, Span
from aging.report.charts.key import run_key
from aging.report.charts.run import marks, origin, planned_seconds

_LEAST_CHANGES = 4.0
"""The vertical axis spans at least this many times the resolution, so that noise does not look like growth."""

_LEAST_SHARE = 0.01
"""And at least this part of the level."""

_MOST_GENERATIONS = 100
"""Of more generations the envelope and the medians are not broken between two of them."""

_RECENT = 1 / 3
"""The part of a generation over which its current rate is drawn."""

_MOST_SPANS = 50


def indicator_chart(
    measured: Measured, deployment: str, replica: int, indicator: str, finding: Finding | None
) -> Chart | None:
    """One indicator of one run; None for a run without load, or without values."""
    results, window = measured.results, measured.windows.get((deployment, replica))
    if window is None:
        return None
    several = len(results.replicas(deployment)) > 1
    name = f"{deployment}, replica {replica}" if several else deployment
    series = [one for one in measured.of(deployment, replica) if one.indicator == indicator]
    run = _Run(
        key=run_key(indicator, deployment, replica),
        name=name,
        indicator=indicator,
        origin=origin(results, [(deployment, replica)]),
        planned=planned_seconds(results, deployment, replica),
        marks=marks(results, deployment, replica, window),
    )
    return _chart(run, _values(measured, deployment, replica, indicator), window, series, finding)


def process_chart(measured: Measured, entity: str, indicator: str, finding: Finding | None) -> Chart | None:
    """One indicator of one process of the harness."""
    results = measured.results
    rows = results.samples(HARNESS, "process", columns=("mono", "entity", "generation", indicator))
    if not measured.windows or rows.empty or indicator not in rows:
        return None
    window = measured.harness_window
    found = readings(rows[rows["entity"] == entity], "mono", window.load_start, window.load_end)
    values = _Values(found.t, found.generation, found.column(indicator))
    owner = f"{HARNESS}/{entity}"
    run = _Run(
        key=run_key(indicator, owner, 1),
        name=owner,
        indicator=indicator,
        origin=origin(results, results.state.runs),
        planned=window.load_end - window.load_start,
        marks=(),
    )
    series = [one for one in measured.harness if one.owner == owner and one.indicator == indicator]
    return _chart(run, values, window, series, finding)


@dataclass(frozen=True, slots=True)
class _Values:
    """Times since the load began, the generation of each, and values; None where the indicator has no readings."""

    t: Floats
    generation: NDArray[np.int64]
    y: Floats | None


@dataclass(frozen=True, slots=True)
class _Run:
    key: str
    name: str
    indicator: str
    origin: str
    planned: float
    marks: Sequence[Mark]


def _values(measured: Measured, deployment: str, replica: int, indicator: str) -> _Values:
    """The indicator's own readings, where it has any: each request's latency, each sample of a process."""
    found = measured.readings(deployment, replica, _source(indicator))
    if not indicator.startswith("client_"):
        return _Values(found.t, found.generation, found.column(indicator))
    for name in ("", *load_classes(measured.results, deployment)):
        for metric in ("ttft", "tpot", "e2e", "stall"):
            ends = (f"{metric}_seconds", f"{metric}_p95_seconds")
            if indicator in [client_indicator(end, name) for end in ends]:
                seconds = measured.latencies(deployment, replica, name)[metric]
                return _Values(found.t, found.generation, found.of(seconds.reindex(found.frame.index)))
    return _Values(found.t, found.generation, None)


def _source(indicator: str) -> str:
    if indicator.startswith("client_"):
        return "requests"
    if indicator == DEVICE_MEMORY:
        return "device"
    if indicator in ALLOCATOR:
        return "allocator"
    return "engine" if indicator.startswith("engine_") else "process"


def _chart(
    run: _Run, values: _Values, window: Window, series: Sequence[Series], finding: Finding | None
) -> Chart | None:
    parts, starts = _generations(values, run.indicator, window)
    judged = [one for one in series if one.t.size]
    judged = [one for one in judged if one.generation in starts]
    warmups = _warmups(starts, window)
    starts |= {one.generation: -one.before.assumed for one in judged if one.before is not None}
    if not parts and not judged:
        return None
    ends = [float(t[-1]) for t, _ in parts] + [float(one.t[-1]) + starts[one.generation] for one in judged]
    last = max([run.planned, *ends])
    samples, sampled = _drawn_samples(parts, last)
    medians = _medians(judged, starts, last)
    bottom, top, cut = _limits(run.indicator, parts or [(line.t, line.y) for line in medians], warmups)
    chosen = max(judged, key=lambda one: one.t.size, default=None)
    rates = [] if chosen is None or finding is None else list(_rates(chosen, starts[chosen.generation], finding))
    notes = ["Part of the warm-up is outside the plot."] if cut else []
    if len(starts) > 1 and rates:
        notes.append(f"{len(starts)} generations; the slope belongs to the longest.")
    grown = format.slope(run.indicator, finding.slope_per_hour if finding else None, "h")
    return Chart(
        key=run.key,
        title=run.name,
        label=f"{run.indicator} of {run.name} over time; slope {grown}",
        quantity=run.indicator,
        origin=run.origin,
        last=last,
        bottom=bottom,
        top=top,
        lines=[*sampled, *medians, *(line for line, _ in rates)],
        bands=[*samples, *(band for _, band in rates if band is not None)],
        spans=warmups[:_MOST_SPANS],
        marks=run.marks,
        notes=notes,
    )


def _generations(
    values: _Values, indicator: str, window: Window
) -> tuple[list[tuple[Floats, Floats]], dict[int, float]]:
    """Times since the load began and values of every generation, and when each began."""
    t, y = values.t, np.full(values.t.shape, np.nan) if values.y is None else values.y
    edges = np.flatnonzero(np.diff(values.generation, prepend=-1, append=-1))
    parts: list[tuple[Floats, Floats]] = []
    starts: dict[int, float] = {}
    for begin, end in pairwise(edges.tolist()):
        number = int(values.generation[begin])
        if number not in starts:
            starts[number] = float(t[begin]) if starts else -window.earlier
        known = np.isfinite(y[begin:end])
        if known.any():
            part = t[begin:end][known], y[begin:end][known]
            parts.append(_rate(*part) if indicator.endswith("_total") else part)
    return [part for part in parts if part[0].size], starts


def _rate(t: Floats, y: Floats) -> tuple[Floats, Floats]:
    """A counter's rate between two samples; where it begins again there is none."""
    steps, rises = np.diff(t), np.diff(y)
    known = (steps > 0) & (rises >= 0)
    return t[1:][known], rises[known] / steps[known]


def _drawn_samples(parts: Sequence[tuple[Floats, Floats]], last: float) -> tuple[list[Band], list[Line]]:
    """Every sample where they are few, else their envelope."""
    if len(parts) > _MOST_GENERATIONS:
        parts = [(np.concatenate([t for t, _ in parts]), np.concatenate([y for _, y in parts]))]
    if cells.few(np.concatenate([*(t for t, _ in parts), np.empty(0)])):
        whole = cells.joined([(t, *lines) for t, lines in (cells.broken(t, [y]) for t, y in parts)])
        return [], [Line("samples", "samples", *whole)] if whole else []
    envelope = cells.joined([cells.envelope(t, y, last / cells.CELLS) for t, y in parts])
    return [Band("samples, least to greatest", "samples", *envelope)], []


def _medians(judged: Sequence[Series], starts: dict[int, float], last: float) -> list[Line]:
    parts = [(one.t + starts[one.generation], one.y) for one in judged]
    few = cells.few(np.concatenate([*(t for t, _ in parts), np.empty(0)]), cells.CELLS // 2)
    thinned = (
        cells.broken(t, [y]) if few else cells.quantiles(t, y, last / cells.CELLS, [0.5])
        for t, y in (parts if len(parts) <= _MOST_GENERATIONS else _as_one(parts))
    )
    whole = cells.joined([(t, *lines) for t, lines in thinned])
    return [Line("medians", "medians", *whole)] if whole else []


def _as_one(parts: Sequence[tuple[Floats, Floats]]) -> list[tuple[Floats, Floats]]:
    return [(np.concatenate([t for t, _ in parts]), np.concatenate([y for _, y in parts]))]


def _warmups(starts: dict[int, float], window: Window) -> list[Span]:
    found = []
    for start, end in pairwise([*starts.values(), np.inf]):
        begin, warm = max(start, 0.0), min(start + window.warmup, end, window.load_end - window.load_start)
        if warm > begin:
            found.append(Span("warm-up", begin, warm, "warm-up"))
    return found


def _rates(series: Series, start: float, finding: Finding) -> Iterable[tuple[Line, Band | None]]:
    """The slope through the whole generation, and its rate at the end where that is another."""
    if series.t.size < 2:
        return
    slope, interval = finding.slope_per_hour, finding.ci_per_hour
    if slope is not None:
        text, limits = format.bounded(finding.indicator, slope, interval, "h")
        yield _through(series.t, series.y, start, slope, interval, f"slope {text} [{limits}]")
    current = finding.current_per_hour
    if current is not None and current != slope:
        text, limits = format.bounded(finding.indicator, current, finding.current_ci_per_hour, "h")
        recent = series.t >= series.t[-1] - (series.t[-1] - series.t[0]) * _RECENT
        line, band = _through(
            series.t[recent], series.y[recent], start, current, finding.current_ci_per_hour, f"now {text} [{limits}]"
        )
        yield Line(line.label, "current", line.t, line.y), band and Band("now, 95 % interval", "current", *_of(band))


def _of(band: Band) -> tuple[Floats, Floats, Floats]:
    return band.t, band.low, band.high


def _through(  # noqa: PLR0913, PLR0917 - a line and what is written beside it
    t: Floats, y: Floats, start: float, per_hour: float, interval: tuple[float, float] | None, label: str
) -> tuple[Line, Band | None]:
    """A line with half of the values above it, and where it lies with 95 %."""
    slope, middle = per_hour / 3600, float(np.median(t))
    level = float(np.median(y - slope * (t - middle)))
    at = np.unique([t[0], middle, t[-1]])
    line = Line(label, "fit", at + start, level + slope * (at - middle))
    if interval is None:
        return line, None
    low, high = (level + bound / 3600 * (at - middle) for bound in interval)
    return line, Band("slope, 95 % interval", "fit", at + start, np.minimum(low, high), np.maximum(low, high))


def _limits(
    indicator: str, parts: Sequence[tuple[Floats, Floats]], warmups: Sequence[Span]
) -> tuple[float, float, bool]:
    """Limits of the vertical axis, and whether part of the warm-up lies outside.

    They contain everything after the warm-up; the warm-up may at most double that
    span, so that loading a model does not flatten days of slow growth.
    """
    t, y = (np.concatenate([*(part[place] for part in parts), np.empty(0)]) for place in (0, 1))
    known = np.isfinite(y)
    t, y = t[known], y[known]
    if not y.size:
        return 0.0, max(_LEAST_CHANGES * resolution(indicator), 1.0), False
    ends = np.array([[span.begin, span.end] for span in warmups]).reshape(-1, 2)
    place = np.searchsorted(ends[:, 0], t, side="right") - 1
    cold = (place >= 0) & (t < ends[np.maximum(place, 0), 1]) if len(ends) else np.zeros(t.shape, dtype=bool)
    main = y[~cold] if not cold.all() else y
    least, greatest = float(main.min()), float(main.max())
    floor = _LEAST_CHANGES * resolution(indicator, abs(greatest))
    span = max(greatest - least, floor, _LEAST_SHARE * abs(greatest)) or 1.0
    if cold.any():
        least = max(min(least, float(y[cold].min())), least - span / 2)
        greatest = min(max(greatest, float(y[cold].max())), greatest + span / 2)
    middle, half = (least + greatest) / 2, max(span, greatest - least) / 2 * 1.08
    bottom, top = middle - half, middle + half
    if least >= 0:
        bottom = max(bottom, 0.0)
    return bottom, top, bool(y.min() < bottom or y.max() > top)
