"""The charts of a run as far as it has been read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aging.core.metrics import PRIMARY
from aging.report.charts.chart import Band, Chart, Floats, Line, Mark
from aging.report.charts.key import run_key
from aging.serve.campaign import RunFollower
from aging.serve.journal_log import RunKey, RunMark

_LEAST_SPAN = 2.0**20
_LEAST_SHARE = 0.01
"""The axis of memory spans at least 1 MiB and 1 % of the level, so that noise does not look like growth."""

_ROOM = 0.08
_LOG_FROM = 30.0

KINDS = ("memory", "ttft", "requests")


def run_charts(key: RunKey, run: RunFollower, marks: Sequence[RunMark]) -> Sequence[Chart]:
    """Memory, time to first token and requests; those that have values."""
    found = (memory_chart(key, run, marks), ttft_chart(key, run, marks), requests_chart(key, run, marks))
    return [chart for chart in found if chart is not None]


def memory_chart(key: RunKey, run: RunFollower, marks: Sequence[RunMark]) -> Chart | None:
    """Anonymous memory plus swap."""
    return _envelope_chart(run, key, marks, PRIMARY, "Memory")


def indicator_chart(key: RunKey, run: RunFollower, marks: Sequence[RunMark], indicator: str) -> Chart | None:
    """Any indicator of a run; None where it has no values."""
    return _envelope_chart(run, key, marks, indicator, indicator)


def ttft_chart(key: RunKey, run: RunFollower, marks: Sequence[RunMark]) -> Chart | None:
    """The median and the 95th percentile of the time to first token, each to 2.5 %."""
    if run.series.ttft is None:
        return None
    zero, origin = _origin(run)
    times, median, p95 = run.series.ttft.curves(0.5, 0.95)
    t, (median, p95) = _since(times - zero, median, p95)
    if not t.size:
        return None
    least, greatest = float(np.nanmin(median)), float(np.nanmax(p95))
    logarithmic = greatest > _LOG_FROM * least > 0
    return Chart(
        key=run_key("ttft", *key),
        title="Time to first token",
        label=f"Median and 95th percentile of the time to first token of {_name(key)} over time",
        quantity="client_ttft_seconds",
        origin=origin,
        last=_last(run, zero),
        bottom=least / 1.5 if logarithmic else 0.0,
        top=greatest * 1.5 if logarithmic else greatest * 1.1,
        lines=[Line("median", "median", t, median)],
        bands=[Band("median to 95 %", "p95", t, median, p95)],
        marks=_marks(marks, zero),
        logarithmic=logarithmic,
        clock=f"{key[0]} {key[1]}",
    )


def requests_chart(key: RunKey, run: RunFollower, marks: Sequence[RunMark]) -> Chart | None:
    """Requests per second, and those that failed or were dropped, where there were any."""
    if run.series.outcomes is None:
        return None
    zero, origin = _origin(run)
    times, by_kind = run.series.outcomes.rates()
    total: Floats = np.sum([*by_kind.values()], axis=0)
    shown = {"all": total} | {kind: by_kind[kind] for kind in ("error", "dropped") if run.series.requests[kind]}
    t, curves = _since(times - zero, *shown.values())
    if not t.size:
        return None
    return Chart(
        key=run_key("requests", *key),
        title="Requests per second",
        label=f"Requests per second of {_name(key)} over time",
        quantity="requests_per_second",
        origin=origin,
        last=_last(run, zero),
        bottom=0.0,
        top=max(float(max(np.nanmax(one) for one in curves)) * 1.1, 0.1),
        lines=[Line(name, "series", t, curve) for name, curve in zip(shown, curves, strict=True)],
        marks=_marks(marks, zero),
        clock=f"{key[0]} {key[1]}",
    )


def span_of(run: RunFollower) -> float:
    """Seconds that the charts of a run cover."""
    return _last(run, _origin(run)[0])


def _envelope_chart(
    run: RunFollower, key: RunKey, marks: Sequence[RunMark], indicator: str, title: str
) -> Chart | None:
    envelope = run.series.indicators.get(indicator)
    if envelope is None:
        return None
    zero, origin = _origin(run)
    times, low, high, mean = envelope.curves()
    t, (low, high, mean) = _since(times - zero, low, high, mean)
    if not t.size:
        return None
    metric, _, part = indicator.partition(" ")
    bottom, top = _limits(low, high, metric)
    name = _name(key)
    return Chart(
        key=run_key("memory", *key) if title != indicator else run_key("indicator", *key, indicator),
        title=title,
        label=f"{metric}{f' of {part}' if part else ''} of {name} over time",
        quantity=metric,
        origin=origin,
        last=_last(run, zero),
        bottom=bottom,
        top=top,
        lines=[Line("mean", "medians", t, mean)],
        bands=[Band("least to greatest", "samples", t, low, high)],
        marks=_marks(marks, zero),
        clock=f"{key[0]} {key[1]}",
    )


def _origin(run: RunFollower) -> tuple[float, str]:
    """What the seconds of a run's charts count from."""
    series, start = run.series, run.state.load_start
    newest = max(series.seen_until or 0.0, 0.0)
    if start is not None and newest > start:
        return start, "the watch began" if run.state.watched else "the load began"
    return series.start or 0.0, "sampling began"


def _last(run: RunFollower, zero: float) -> float:
    series = run.series
    ends = [one.start + one.used * one.width for one in (series.outcomes, series.ttft) if one is not None]
    newest = series.seen_until if series.seen_until is not None else max(ends, default=zero)
    return max(newest - zero, 1.0)


def _since(t: Floats, *curves: Floats) -> tuple[Floats, list[Floats]]:
    """What is not before the origin."""
    kept = t >= 0
    return t[kept], [curve[kept] for curve in curves]


def _limits(low: Floats, high: Floats, metric: str) -> tuple[float, float]:
    least, greatest = float(np.nanmin(low)), float(np.nanmax(high))
    span = greatest - least
    if metric.endswith("_bytes"):
        span = max(span, _LEAST_SPAN, _LEAST_SHARE * abs(greatest))
    span = span or max(abs(greatest), 1.0) * 0.1
    middle, half = (least + greatest) / 2, span / 2 * (1 + _ROOM)
    return (max(0.0, middle - half) if least >= 0 else middle - half), middle + half


def _marks(marks: Sequence[RunMark], zero: float) -> Sequence[Mark]:
    return [Mark(one.kind, one.mono - zero) for one in marks if one.mono >= zero]


def _name(key: RunKey) -> str:
    return key[0] if key[1] == 1 else f"{key[0]} r{key[1]:02d}"
