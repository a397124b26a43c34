"""Series exactly as judged: what is known of them, and the same rates again."""

from __future__ import annotations

import json
from collections.abc import Hashable
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import aging
from aging.core.errors import require
from aging.core.metrics import PRIMARY
from aging.findings.build import analyze
from aging.findings.types import Finding
from tests.builders import leak, synthetic
from tests.conftest import ROOT


@cache
def committed(name: str) -> tuple[aging.Results, dict[tuple[str, str], Finding]]:
    """Committed results, and what this release finds in them."""
    results = aging.load_results(ROOT / "results" / name)
    contents = results._contents
    found = analyze(results.stored, contents.tests, contents.measured)
    return results, {(one.deployment, one.indicator): one for one in found.findings}


FIRST_LOOK = [
    ("reference-leak", PRIMARY),
    ("llama-cpp-default", "process_cpu_seconds_total"),
    ("llama-cpp-default", "client_ttft_p95_seconds"),
    ("llama-cpp-default", "engine_llamacpp_prompt_tokens_seconds"),
    ("reference-leak", "process_vms_bytes"),
    ("_harness/runner", PRIMARY),
]


@pytest.mark.parametrize(("deployment", "indicator"), FIRST_LOOK)
def test_the_rates_are_those_of_the_finding(deployment: str, indicator: str) -> None:
    results, found = committed("first-look")
    finding, series = found[deployment, indicator], results.series(deployment, indicator)
    for trend in (aging.trend(series), results.trend(deployment, indicator)):
        assert (trend.slope_per_hour, trend.ci_per_hour) == (finding.slope_per_hour, finding.ci_per_hour)
        assert trend.verdict == finding.verdict
        if finding.current_per_hour is not None:
            assert trend.current_per_hour == finding.current_per_hour
            assert trend.current_ci_per_hour == finding.current_ci_per_hour
            assert trend.growth_axis == finding.growth_axis


def test_growth_by_requests_is_judged_with_the_work_beside_it() -> None:
    results, found = committed("first-look")
    by_work = [place for place, one in found.items() if one.growth_axis in ("requests", "tokens")]
    assert len(by_work) > 3
    for deployment, indicator in by_work:
        trend = aging.trend(results.series(deployment, indicator))
        assert trend.growth_axis != "seconds"
        assert trend.current_per_hour == found[deployment, indicator].current_per_hour


@pytest.mark.thorough
def test_real_runtimes() -> None:
    results = aging.load_results(ROOT / "results" / "real-runtimes")
    known = {("llama-cpp-default", PRIMARY): "aging", ("transformers", PRIMARY): None}
    for deployment, indicator in known:
        series = results.series(deployment, indicator)
        own, again = results.trend(deployment, indicator), aging.trend(series)
        (finding,) = results.findings(deployment, indicator, raw=True).findings
        assert again.slope_per_hour == own.slope_per_hour == pytest.approx(finding.slope_per_hour)
        assert again.ci_per_hour == own.ci_per_hour == pytest.approx(finding.ci_per_hour)
        assert series.attrs["grid_seconds"] == results.manifest.campaign.analysis.grid_seconds


def test_attributes_say_what_was_judged(tmp_path: Path) -> None:
    synthetic(tmp_path, {"server": leak(4096)}, generations=2, replicas=2)
    results = aging.load_results(tmp_path)
    series = results.series("server", PRIMARY, 2)
    attrs = series.attrs
    assert (attrs["deployment"], attrs["replica"], attrs["indicator"]) == ("server", 2, PRIMARY)
    assert (attrs["units"], attrs["load_seconds"]) == ("byte", 900.0)
    assert attrs["grid_seconds"] == results.manifest.campaign.analysis.grid_seconds
    assert attrs["window_seconds"] == [series.index[0], series.index[-1]]
    assert len(attrs["work"]["requests"]) == series.size
    assert "pools 2 replicas" in attrs["differs"]
    other = next(number for number in (1, 2) if number != attrs["generation"])
    assert "longest generation" in results.series("server", PRIMARY, 2, generation=other).attrs["differs"]
    assert json.loads(json.dumps(attrs)) == attrs, "attributes go into any file"
    (finding,) = results.findings("server", PRIMARY, raw=True).findings
    own = next(one for one in finding.by_replica if one.replica == 2)
    assert aging.trend(series).current_per_hour == own.current_per_hour
    assert results.trend("server", PRIMARY, 2).ci_per_hour == own.ci_per_hour


def test_stored_and_read_again_it_is_the_same_series(tmp_path: Path) -> None:
    results, found = committed("first-look")
    series = results.series("reference-leak", PRIMARY)
    series.to_frame().to_parquet(tmp_path / "series.parquet")
    frame = pd.read_parquet(tmp_path / "series.parquet")
    read = frame[PRIMARY]
    read.attrs = dict(frame.attrs)
    assert aging.trend(read).current_per_hour == found["reference-leak", PRIMARY].current_per_hour


def test_a_changed_series_is_any_other_series() -> None:
    results, found = committed("first-look")
    series = results.series("reference-leak", PRIMARY)
    finding = found["reference-leak", PRIMARY]
    doubled = aging.trend(series * 2)
    assert doubled.slope_per_hour == pytest.approx(2 * require(finding.slope_per_hour, "a slope"))
    assert aging.trend(series.iloc[:40]).n == 40
    assert aging.trend(series, warmup="60s").n < series.size
    assert aging.trend(series.rename("mine")).slope_per_hour == finding.slope_per_hour


def test_a_series_with_attributes_of_its_own(tmp_path: Path) -> None:
    results, _ = committed("first-look")
    series = results.series("reference-leak", PRIMARY)
    own: list[dict[Hashable | None, Any]] = [{"judged": 7}, {"judged": series.attrs["judged"]}, {}]
    for attrs in own:
        series.attrs = attrs
        assert aging.trend(series).n == series.size
