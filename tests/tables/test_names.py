"""What the name of a column says."""

from __future__ import annotations

import pytest

from aging.core.measure import Measure
from aging.tables.names import is_counter, is_identifier, measure_of_name, time_rank, unit_of_time

MIB = 2**20


@pytest.mark.parametrize(
    ("name", "measure"),
    [
        ("rss_kb", Measure("B", "kB", 1024)),
        ("rss_mib", Measure("B", "MiB", MIB)),
        ("memory.used_MiB", Measure("B", "MiB", MIB)),
        ("VmSize:kB", Measure("B", "kB", 1024)),
        ("heapUsedMB", Measure("B", "MB", 1e6)),
        ("Real (MB)", Measure("B", "MB", 1e6)),
        ("memory.used [MiB]", Measure("B", "MiB", MIB)),
        ("MEMORY(bytes)", Measure("B", "B")),
        (r"\\HOST\Process(ollama#1)\Private Bytes", Measure("B", "B")),
        ('rss_bytes{pod="a"}', Measure("B", "B")),
        ("latency_ms", Measure("s", "ms", 1e-3)),
        ("nv_inference_request_duration_us", Measure("s", "us", 1e-6)),
        ("process_cpu_seconds_total", Measure("s", "s")),
        ("%CPU", Measure("%", "%")),
        ("cpu_percent", Measure("%", "%")),
        ("CPU(cores)", Measure("CPU", "cores")),
        ("rx_bytes_per_second", Measure("B", "B", 1.0, rate=True)),
        ("rss_min", None),
        ("num_cpus", None),
        ("requests", None),
        ("threads", None),
        ("rss", None),
    ],
)
def test_units(name: str, measure: Measure | None) -> None:
    assert measure_of_name(name) == measure


@pytest.mark.parametrize(
    "name",
    [
        *("time", "#TIME", "Timestamp", "ts", "elapsed_s", "uptime_hours", "Elapsed time", "time (min)", "date_time"),
        *(
            "(PDH-CSV 4.0) (W. Europe Daylight Time)(-120)",
            "@timestamp",
            "unix_timestamp",
            "log_time",
            "minutes",
            "t_ms",
        ),
    ],
)
def test_times(name: str) -> None:
    assert time_rank(name) is not None


@pytest.mark.parametrize(
    "name",
    [
        *(
            "response_time",
            "TIME+",
            "cpu_time",
            "time_to_first_token_ms",
            "timeouts",
            "timeout_count",
            "runtime_errors",
        ),
        *("idle_time_pct", "rss", "minimum", "dates", "clock_mhz", "t_max", "total_time", "latency", "gpu"),
    ],
)
def test_no_times(name: str) -> None:
    assert time_rank(name) is None


def test_units_of_times() -> None:
    names = ("uptime_hours", "time (min)", "elapsed_s", "ts_ms", "days", "ms", "time", "t")
    assert [unit_of_time(name) for name in names] == [3600, 60, 1, 1e-3, 86400, 1e-3, None, None]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "http_requests_total",
            'http_requests_total{code="200"}',
            "nv_inference_count",
            "nv_inference_request_success",
        ),
        *(
            'nv_inference_request_duration_us{model="m"}',
            "ttft_seconds_sum",
            "ttft_seconds_count",
            'x_bucket{le="1"}',
            "x_bucket",
        ),
    ],
)
def test_counters(name: str) -> None:
    assert is_counter(name)


@pytest.mark.parametrize(
    "name", ["memory_total", "total", "thread_count", "handle_count", "nv_inference_pending_request_count", "rss_sum"]
)
def test_no_counters(name: str) -> None:
    assert not is_counter(name)


def test_sum_and_count_beside_one_another_or_buckets() -> None:
    assert is_counter("latency_sum", frozenset({"latency_count"}))
    assert is_counter("latency_count", frozenset({"latency_bucket"}))
    assert not is_counter("latency_count", frozenset({"latency_seconds"}))


def test_identifiers() -> None:
    assert all(map(is_identifier, ("pid", "PID", "gpu", "index", "port", "line", "user_id", "GPU Index", "tgid")))
    assert not any(map(is_identifier, ("rss", "fragmentation", "threads", "pids", "ports")))
