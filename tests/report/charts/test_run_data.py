"""What the plots draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aging.findings.series import Measured
from aging.report.charts.plots import exceeds_limits, memory_limits
from aging.report.charts.run_data import BUCKETS, latency_trace, memory_trace, split_at_gaps, thin
from tests.report.conftest import FOUR, MIB, Build, Made, Server, leaking


def test_thin_keeps_extremes() -> None:
    rng = np.random.default_rng(1)
    t, y = np.arange(129_600.0), rng.normal(size=129_600)
    y[77_777], y[12_345] = 40.0, -40.0
    trace = thin(t, y)
    assert trace.t.size <= 2 * BUCKETS
    assert np.all(np.diff(trace.t) > 0)
    assert (trace.y.max(), trace.y.min()) == (40.0, -40.0)
    assert set(zip(trace.t, trace.y, strict=True)) <= set(zip(t, y, strict=True))


def test_thin_short_series() -> None:
    t = np.arange(100.0)
    assert thin(t, t).t is t


def test_split_at_gaps() -> None:
    trace = split_at_gaps(np.array([0.0, 1, 2, 30, 31]), np.arange(5.0))
    assert np.isnan(trace.y[3])
    assert np.isnan(trace.y).sum() == 1


def test_fit(build: Build) -> None:
    results = build(Made([Server("leaky", 31 * MIB, 57.6 * MIB)]))
    trace = memory_trace(Measured(results), "leaky", 1, leaking("leaky"))
    assert trace is not None
    assert trace.fit is not None
    assert trace.fit.slope == pytest.approx(57.6 * MIB / 3600)
    assert trace.fit.first >= 30
    drawn = trace.fit.level + trace.fit.slope * (trace.fit.last - trace.fit.middle)
    assert drawn == pytest.approx(trace.medians[0].y[-1], abs=0.2 * MIB)
    assert trace.warmups == [(0.0, 30.0)]


def test_generations(build: Build) -> None:
    results = build(Made([Server("restarted", restarts_at=(60.0, 120.0))]))
    trace = memory_trace(Measured(results), "restarted", 1, None)
    assert trace is not None
    assert len(trace.raw) == 3
    assert [begin for begin, _ in trace.warmups] == [0.0, 60.0, 120.0]
    assert [mark.kind for mark in trace.marks] == ["rejuvenated", "rejuvenated"]
    assert trace.fit is None


def test_large_warm_up(build: Build) -> None:
    results = build(Made([Server("slow", 2000 * MIB, 3 * MIB)]))
    trace = memory_trace(Measured(results), "slow", 1, None)
    assert trace is not None
    early = replace(trace.raw[0], y=np.where(trace.raw[0].t < 5, 0.0, trace.raw[0].y))
    trace = replace(trace, raw=[early])
    least, greatest = memory_limits(trace)
    assert least > 1900 * MIB
    assert exceeds_limits(trace)
    assert greatest - least >= 0.01 * 2000 * MIB


def test_latency_trace(build: Build) -> None:
    results = build(Made([FOUR[0]]))
    requests = results.requests("llama-no-cache")
    ok = requests[(requests["status"] == "ok") & requests["streaming"]]
    trace = latency_trace(Measured(results), "llama-no-cache", 1)
    assert trace is not None
    assert trace.overall_median == pytest.approx(float((ok["first_token"] - ok["sent"]).median()))
    assert trace.errors == int((requests["status"] == "error").sum()) > 0
    assert trace.failures.size > 0


def test_run_without_load(build: Build) -> None:
    results = build(Made([Server("unready", loaded=False)]))
    assert memory_trace(Measured(results), "unready", 1, None) is None
    assert latency_trace(Measured(results), "unready", 1) is None
