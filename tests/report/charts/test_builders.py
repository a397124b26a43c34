"""What the charts hold: spikes, gaps, generations, the fit."""

from __future__ import annotations

import numpy as np
import pytest

from aging.core.metrics import PRIMARY
from aging.findings.series import Measured
from aging.report.charts import cells
from aging.report.charts.chart import Band, Chart, Line
from aging.report.charts.indicator import indicator_chart
from aging.report.charts.latency import attainment_charts, latency_chart, latency_summary
from aging.report.charts.memory import memory_chart
from tests.report.conftest import FOUR, MIB, Build, Made, Server, leaking


def line(chart: Chart, role: str) -> Line:
    return next(one for one in chart.lines if one.role == role)


def band(chart: Chart, role: str) -> Band:
    return next(one for one in chart.bands if one.role == role)


def test_the_envelope_keeps_every_spike() -> None:
    rng = np.random.default_rng(1)
    t, y = np.arange(129_600.0), rng.normal(size=129_600)
    y[77_777], y[12_345] = 40.0, -40.0
    at, low, high = cells.envelope(t, y, 129_600 / cells.CELLS)
    assert at.size == cells.CELLS
    assert np.all(np.diff(at) > 0)
    assert (high.max(), low.min()) == (40.0, -40.0)
    place = (t // (129_600 / cells.CELLS)).astype(int)
    assert np.all((low[place] <= y) & (y <= high[place]))


def test_the_envelope_is_broken_at_a_gap() -> None:
    t = np.concatenate([np.arange(0.0, 1000), np.arange(1500.0, 2500)])
    at, low, _ = cells.envelope(t, t, 10.0)
    assert np.isnan(low).sum() == 1
    assert 1000 < at[np.isnan(low)][0] < 1500
    assert np.all(np.diff(at) > 0)


def test_quantiles_are_those_of_numpy() -> None:
    rng = np.random.default_rng(2)
    t, y = np.sort(rng.uniform(0, 100, 500)), rng.exponential(size=500)
    at, (p50, p99) = cells.quantiles(t, y, 10.0, (0.5, 0.99))
    for place, middle in enumerate(at):
        own = y[np.floor(t / 10) == np.floor(middle / 10)]
        assert (p50[place], p99[place]) == (pytest.approx(np.quantile(own, 0.5)), pytest.approx(np.quantile(own, 0.99)))


def test_lines_are_broken_at_gaps() -> None:
    t, (y,) = cells.broken(np.array([0.0, 1, 2, 30, 31]), [np.arange(5.0)])
    assert np.isnan(y[3])
    assert np.isnan(y).sum() == 1
    assert np.all(np.diff(t) > 0)


def test_fit(build: Build) -> None:
    results = build(Made([Server("leaky", 31 * MIB, 57.6 * MIB)]))
    chart = memory_chart(Measured(results), "leaky", 1, leaking("leaky"))
    assert chart is not None
    fit = line(chart, "fit")
    assert (fit.y[-1] - fit.y[0]) / (fit.t[-1] - fit.t[0]) == pytest.approx(57.6 * MIB / 3600)
    assert fit.t[0] >= 30
    assert fit.y[-1] == pytest.approx(line(chart, "medians").y[-1], abs=0.2 * MIB)
    assert [(span.kind, span.begin, span.end) for span in chart.spans] == [("warm-up", 0.0, 30.0)]
    assert band(chart, "fit").low[-1] < fit.y[-1] < band(chart, "fit").high[-1]


def test_generations(build: Build) -> None:
    results = build(Made([Server("restarted", restarts_at=(60.0, 120.0))]))
    chart = memory_chart(Measured(results), "restarted", 1, None)
    assert chart is not None
    assert np.isnan(line(chart, "samples").y).sum() == 2
    assert [span.begin for span in chart.spans] == [0.0, 60.0, 120.0]
    assert [mark.kind for mark in chart.marks] == ["rejuvenated", "rejuvenated"]
    assert all(one.role not in ("fit", "current") for one in chart.lines)


def test_a_large_warm_up_does_not_flatten_the_rest(build: Build) -> None:
    results = build(Made([Server("slow", 2000 * MIB, 3 * MIB)]))
    tree = results.tree("slow")
    tree.loc[tree.index[:3], PRIMARY] = 0.0
    results._frames.put(results.layout.source("slow", "process", 1), None, tree)
    chart = memory_chart(Measured(results), "slow", 1, None)
    assert chart is not None
    assert chart.bottom > 1900 * MIB
    assert chart.top - chart.bottom >= 0.01 * 2000 * MIB
    assert chart.notes == ["Part of the warm-up is outside the plot."]


def test_latency(build: Build) -> None:
    results = build(Made([FOUR[0]]))
    requests = results.requests("llama-no-cache")
    ok = requests[(requests["status"] == "ok") & requests["streaming"]]
    measured = Measured(results)
    chart, summary = latency_chart(measured, "llama-no-cache", 1), latency_summary(measured, "llama-no-cache", 1)
    assert chart is not None
    assert summary is not None
    ttft = ok["first_token"] - ok["sent"]
    assert summary.median == pytest.approx(float(ttft.median()))
    assert summary.errors == int((requests["status"] == "error").sum()) > 0
    assert any(mark.kind == "fault" for mark in chart.marks)
    assert np.nanmax(line(chart, "samples").y) == pytest.approx(float(ttft.max()))
    assert np.all(band(chart, "p95").high <= band(chart, "p99").high)
    assert chart.bottom < np.nanmin(line(chart, "median").y)
    assert chart.top > float(ttft.max())


def test_every_indicator_of_a_run_has_a_chart(build: Build) -> None:
    measured = Measured(build(Made([FOUR[0]])))
    series = measured.of("llama-no-cache", 1)
    assert series
    for one in series:
        chart = indicator_chart(measured, "llama-no-cache", 1, one.indicator, None)
        assert chart is not None
        if one.t.size:
            known = [each.y[np.isfinite(each.y)] for each in chart.lines if each.role == "medians"]
            assert np.median(np.concatenate(known)) == pytest.approx(np.median(one.y), rel=0.05, abs=1e-9)
        assert chart.bottom < chart.top


def test_without_objectives_there_is_no_attainment(build: Build) -> None:
    assert list(attainment_charts(Measured(build(Made([FOUR[0]]))), "llama-no-cache", 1)) == []
