"""Every series of a metrics endpoint: which are judged, in which direction, to which limit, and which are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from aging.core.metrics import ages_downwards, full_scale
from aging.core.targets import ENGINE_METRICS
from aging.findings.build import analyze
from aging.findings.engine_series import Described, judged, request_columns
from aging.findings.types import Finding, Findings
from aging.sampling.exposition import Columns, exposition
from aging.sampling.samplers.engine import raw_values
from aging.stats.trend_tests import series_har
from aging.store.segments import SegmentWriter
from tests.builders import LOAD_START, SECONDS, flat, synthetic

TESTS = {"series_har": series_har.SERIES_HAR}
MINUTES = SECONDS / 60


class Engine:
    """An engine of a synthetic run, scraped every five seconds, whose metrics follow the seconds of its load."""

    def __init__(self, latency: Callable[[float], float], cache: Callable[[float], float], rate: float = 40.0) -> None:
        self.latency, self.cache, self.rate = latency, cache, rate
        self.registry = CollectorRegistry()
        self.time = Histogram("x_latency_seconds", "", ["path"], registry=self.registry)
        self.usage = Gauge("x_kv_cache_usage", "", registry=self.registry)
        self.speed = Gauge("x_tokens_per_second", "", registry=self.registry)
        self.errors = Counter("x_errors", "", registry=self.registry)
        self.uptime = Gauge("x_uptime_seconds", "", registry=self.registry)
        Gauge("x_workers", "", registry=self.registry).set(4)

    def rows(self) -> list[dict[str, Any]]:
        random, columns = np.random.default_rng(1), Columns()
        rows = []
        for at in np.arange(0.0, SECONDS, 5.0):
            for path, factor in (("/a", 1.0), ("/b", 2.0)):
                for value in random.gamma(20, 1 / 20, int(self.rate * 5 / 2)):
                    self.time.labels(path).observe(factor * 0.05 * value + self.latency(at))
            self.usage.set(self.cache(at) + random.normal(0, 0.003))
            self.speed.set(1000 - 0.5 * at + random.normal(0, 3))
            self.errors.inc(random.poisson(2))
            self.uptime.set(at)
            scraped = exposition(generate_latest(self.registry).decode())
            row = {"mono": LOAD_START + at, "generation": 1, "entity": "engine", "missing": None}
            row["described"] = columns.described(scraped, at)
            rows.append(row | raw_values(scraped.values) | columns.of(scraped))
        return rows


def findings_of(root: Path, engine: Engine) -> Findings:
    results = synthetic(root, {"server": flat})
    writer = SegmentWriter(results.layout.source("server", "engine"))
    writer.append(0.0, engine.rows())
    writer.close()
    return analyze(results, TESTS)


def by_indicator(findings: Findings) -> dict[str, Finding]:
    return {one.indicator: one for one in findings.findings if one.indicator.startswith("engine_")}


def test_a_creeping_latency_and_a_filling_cache_are_found(tmp_path: Path) -> None:
    findings = findings_of(tmp_path / "r", Engine(lambda at: 0.01 * at / 60, lambda at: 0.2 + 0.05 * at / 60))
    found = by_indicator(findings)
    for name in ("engine_x_latency_mean_seconds", 'engine_x_latency_mean_seconds{path="/b"}'):
        assert found[name].verdict == "aging", name
        assert found[name].slope_per_hour == pytest.approx(0.6, rel=0.05), name
    assert found["engine_x_latency_p95_seconds"].verdict in ("aging", "inconclusive"), "its buckets are wide"
    cache = found["engine_x_kv_cache_usage"]
    assert cache.verdict == "aging"
    assert cache.slope_per_hour == pytest.approx(3.0, rel=0.05)
    assert cache.outlook is not None
    assert (cache.outlook.limit, cache.outlook.limit_name) == (1.0, "1, all of it")
    assert cache.exhaustion_hours is not None
    assert cache.exhaustion_hours[0] == pytest.approx((0.8 - 0.05 * MINUTES) / 3.0, rel=0.05)
    assert found["engine_x_tokens_per_second"].verdict == "aging", "less of it is worse"
    assert found["engine_x_errors_total"].verdict != "aging"
    codes = {one.series: one.code for one in findings.unjudged}
    assert codes["engine_x_workers"] == "constant"
    assert codes["engine_x_uptime_seconds"] == "clock"
    assert codes["engine_x_latency_seconds_count"] == "work"


@pytest.mark.thorough
def test_an_engine_that_does_not_age(tmp_path: Path) -> None:
    engine = Engine(lambda _: 0.0, lambda _: 0.2)
    engine.speed = Gauge("y_queue_length", "", registry=CollectorRegistry())
    found = by_indicator(findings_of(tmp_path / "r", engine))
    assert {name for name, one in found.items() if one.verdict == "aging"} == set()


@pytest.mark.thorough
def test_series_of_an_engine_do_not_change_the_other_findings(tmp_path: Path) -> None:
    alone = analyze(synthetic(tmp_path / "alone", {"server": flat}), TESTS)
    beside = findings_of(tmp_path / "r", Engine(lambda at: at / 600, lambda _: 0.2))
    others = {one.indicator: one.q for one in beside.findings if not one.indicator.startswith("engine_")}
    assert others == {one.indicator: one.q for one in alone.findings}


COLUMNS = [
    "engine_vllm_kv_cache_usage_perc",
    "engine_vllm_prompt_tokens_total",
    "engine_vllm_request_success_total",
    "engine_vllm_num_preemptions_total",
    "engine_vllm_request_prompt_tokens_sum",
    "engine_vllm_request_prompt_tokens_count",
    "engine_vllm_e2e_request_latency_seconds_sum",
    "engine_vllm_e2e_request_latency_seconds_count",
    "engine_vllm_e2e_request_latency_p95_seconds",
    "engine_http_requests_total",
    "engine_nv_inference_request_failure_total",
    "engine_nv_inference_request_success_total",
    "engine_nv_inference_queue_duration_us_total",
    "engine_process_start_time_seconds",
    "engine_queue_wait_count",
]


def test_what_is_judged_and_how() -> None:
    described = Described(
        gauges=frozenset({"engine_queue_wait_count"}),
        common=frozenset({"engine_vllm_kv_cache_usage_perc"}),
    )
    found, left = judged(COLUMNS, described)
    assert {one.indicator: one.how for one in found} == {
        "engine_vllm_num_preemptions_total": "rate",
        "engine_vllm_e2e_request_latency_mean_seconds": "mean",
        "engine_vllm_e2e_request_latency_p95_seconds": "gauge",
        "engine_nv_inference_request_failure_total": "rate",
        "engine_nv_inference_queue_duration_mean_us": "mean",
        "engine_queue_wait_count": "gauge",
    }
    assert {one.code for one in left} == {"work", "clock"}
    only_count = judged(["engine_y_count"], described, ["engine_y_sum"])
    assert [one.code for one in only_count[1]] == ["work"], "the count of a histogram whose sum never moves"
    assert request_columns(COLUMNS, described) == ["engine_vllm_request_success_total"]


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        (["engine_http_requests_total", "engine_tgi_request_success_total"], ["engine_tgi_request_success_total"]),
        (["engine_shop_requests_total", "engine_shop_request_errors_total"], ["engine_shop_requests_total"]),
        (["engine_shop_request_duration_seconds_count"], ["engine_shop_request_duration_seconds_count"]),
        (["engine_shop_requests_failed_total", "engine_jobs_total"], []),
        (
            [
                "engine_http_requests_total",
                'engine_http_requests_total{handler="/metrics"}',
                'engine_http_requests_total{handler="/chat"}',
            ],
            ['engine_http_requests_total{handler="/chat"}'],
        ),
    ],
)
def test_the_counter_of_requests(columns: list[str], found: list[str]) -> None:
    assert request_columns(columns, Described()) == found


def test_direction_and_full_scale() -> None:
    assert ages_downwards("engine_x_generation_throughput")
    assert ages_downwards('engine_x_cache_hit_rate{model="m"}')
    assert not ages_downwards("engine_x_latency_p95_seconds")
    assert not any(map(ages_downwards, ENGINE_METRICS))
    assert full_scale("engine_kv_cache_usage_ratio", 0.4) == 1.0
    assert full_scale("engine_gpu_cache_usage_perc", 40.0) == 100.0
    assert full_scale("engine_memory_usage_bytes", 0.4) is None
    assert full_scale("process_fds", 0.4) is None
