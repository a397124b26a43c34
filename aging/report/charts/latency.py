"""Latency over a run: quantiles of the time to first token, failures, and how many requests met their objectives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from aging.core.format import objectives_text
from aging.findings.latencies import SINCE, Base, latencies
from aging.findings.series import Measured, Window
from aging.findings.slo import classes, objectives_met, of_class
from aging.report.charts import cells
from aging.report.charts.chart import Band, Chart, Floats, Line, Mark, Span
from aging.report.charts.key import run_key
from aging.report.charts.run import marks, origin, planned_seconds

BASE: Base = "sent"
"""The base of the time to first token, the same as that of the indicators."""

_QUANTITY = "client_ttft_seconds"
_LOG_FROM = 30.0
"""A chart whose greatest value is this many times its least is logarithmic."""


@dataclass(frozen=True, slots=True)
class LatencySummary:
    """The requests of a run, and its time to first token in seconds; None where there was no streamed answer."""

    requests: int
    errors: int
    dropped: int
    median: float | None
    p95: float | None
    p99: float | None


def latency_summary(measured: Measured, deployment: str, replica: int, base: Base = BASE) -> LatencySummary | None:
    """All requests of one run; None for a run without load or without requests."""
    rows = _requests(measured, deployment, replica)
    if rows is None:
        return None
    _, seconds = _first_tokens(rows, base)
    found = [float(one) for one in np.quantile(seconds, (0.5, 0.95, 0.99))] if seconds.size else [None] * 3
    status = rows["status"]
    return LatencySummary(len(rows), int((status == "error").sum()), int((status == "dropped").sum()), *found)


def latency_chart(measured: Measured, deployment: str, replica: int, base: Base = BASE) -> Chart | None:
    """Times to first token of one run since ``base``: median, 95th and 99th percentile and the greatest of every cell
    of the grid, with a mark at failures. None for a run without load or without requests.
    """
    rows, window = _requests(measured, deployment, replica), measured.windows.get((deployment, replica))
    if rows is None or window is None:
        return None
    at, seconds = _first_tokens(rows, base)
    width = _cell(window)
    t, (median, p95, p99, most) = cells.quantiles(at - window.load_start, seconds, width, (0.5, 0.95, 0.99, 1.0))
    last = max([planned_seconds(measured.results, deployment, replica), *t[-1:].tolist(), 1.0])
    name = _name(measured, deployment, replica)
    return _limited(
        Chart(
            key=run_key("latency" if base == BASE else f"latency-{base}", deployment, replica),
            title=name,
            label=f"Time to first token of {name} over time",
            quantity=_QUANTITY,
            origin=origin(measured.results, [(deployment, replica)]),
            last=last,
            bottom=0.0,
            top=1.0,
            lines=[Line("greatest", "samples", t, most), Line("median", "median", t, median)] if t.size else [],
            bands=[Band("95 % to 99 %", "p99", t, p95, p99), Band("median to 95 %", "p95", t, median, p95)]
            if t.size
            else [],
            spans=_warmup(window),
            marks=[*marks(measured.results, deployment, replica, window), *_failures(rows, window, width)],
            notes=[f"Seconds of a request {SINCE[base]}."],
        )
    )


def attainment_charts(measured: Measured, deployment: str, replica: int) -> Iterator[Chart]:
    """The share of requests that met their objectives in every cell of the grid, a chart for each class with any."""
    rows, window = _requests(measured, deployment, replica), measured.windows.get((deployment, replica))
    objectives = classes(measured.results.manifest.load_of(deployment))
    if rows is None or window is None or not objectives:
        return
    results, width, name = measured.results, _cell(window), _name(measured, deployment, replica)
    for load_class, bounds in objectives.items():
        met = objectives_met(of_class(rows, load_class), bounds)
        if met.empty:
            continue
        at = rows.loc[met.index, "finished"].to_numpy(dtype=np.float64) - window.load_start
        t, share = _means(at, met.to_numpy(dtype=np.float64), width)
        of = f" ({load_class})" if load_class else ""
        yield Chart(
            key=run_key("attainment", deployment, replica, *([load_class] if load_class else [])),
            title=f"{name}{of}",
            label=f"Share of the requests of {name}{of} that met their objectives over time",
            quantity="client_slo_attainment_ratio",
            origin=origin(results, [(deployment, replica)]),
            last=max([planned_seconds(results, deployment, replica), *t[-1:].tolist(), 1.0]),
            bottom=0.0,
            top=1.02,
            lines=[Line("met their objectives", "attainment", t, share)],
            spans=_warmup(window),
            marks=marks(results, deployment, replica, window),
            notes=[objectives_text(bounds)],
        )


def on_shared_axes(charts: Sequence[Chart]) -> Sequence[Chart]:
    """The charts with the same limits; logarithmic where the greatest value is much above the least."""
    if not charts:
        return charts
    values = [line.y[np.isfinite(line.y) & (line.y > 0)] for chart in charts for line in chart.lines]
    known = np.concatenate([*values, np.empty(0)])
    last = max(chart.last for chart in charts)
    if not known.size:
        return [replace(chart, last=last) for chart in charts]
    least, greatest = float(known.min()), float(known.max())
    logarithmic = greatest > _LOG_FROM * least
    bottom, top = (least / 1.5, greatest * 1.5) if logarithmic else (0.0, greatest * 1.1)
    return [replace(chart, last=last, bottom=bottom, top=top, logarithmic=logarithmic) for chart in charts]


def _limited(chart: Chart) -> Chart:
    return on_shared_axes([chart])[0]


def _requests(measured: Measured, deployment: str, replica: int) -> pd.DataFrame | None:
    if measured.windows.get((deployment, replica)) is None:
        return None
    rows = measured.readings(deployment, replica, "requests").frame
    return None if rows.empty else rows


def _first_tokens(rows: pd.DataFrame, base: Base) -> tuple[Floats, Floats]:
    """When requests ended, in monotonic seconds, and how long their first token took."""
    seconds = latencies(rows, base)["ttft"].dropna()
    return rows.loc[seconds.index, "finished"].to_numpy(dtype=np.float64), seconds.to_numpy(dtype=np.float64)


def _means(t: Floats, y: Floats, width: float) -> tuple[Floats, Floats]:
    place, inverse = np.unique(np.floor(t / width), return_inverse=True)
    means = np.bincount(inverse, y) / np.bincount(inverse)
    at, (whole,) = cells.broken((place + 0.5) * width, [means])
    return at, whole


def _failures(rows: pd.DataFrame, window: Window, width: float) -> list[Mark]:
    failed = rows.loc[rows["status"].isin(("error", "dropped")), "finished"].to_numpy(dtype=np.float64)
    at, counts = cells.distinct(failed - window.load_start, width)
    return [
        Mark("fault", one, f"{count} failed or dropped")
        for one, count in zip(at.tolist(), counts.astype(int).tolist(), strict=True)
    ]


def _warmup(window: Window) -> list[Span]:
    end = min(window.warmup, window.load_end - window.load_start)
    return [Span("warm-up", 0.0, end, "warm-up")] if end > 0 else []


def _cell(window: Window) -> float:
    return max(window.grid, (window.load_end - window.load_start) / cells.CELLS)


def _name(measured: Measured, deployment: str, replica: int) -> str:
    return f"{deployment}, replica {replica}" if len(measured.results.replicas(deployment)) > 1 else deployment
