"""Which way a quantity gets worse, by its name."""

from __future__ import annotations

import pytest

from aging.findings.direction import worsens


@pytest.mark.parametrize(
    "name",
    [
        *("MEM_FREE", "MemAvailable", "free", "available_bytes", "tokens/s", "tokens_per_second", "tok/s", "TPS"),
        *("throughput_rps", "goodput", "cache_hit_ratio", "success_rate", "cpu_idle", "headroom", "hit rate"),
        *("requests_per_second", "node_memory_MemFree_bytes", "slo_attainment_ratio", "Throughput (req/s)"),
        *("kbmemfree", "kbavail"),
    ],
)
def test_down(name: str) -> None:
    assert worsens(name) == "down"


@pytest.mark.parametrize(
    "name",
    [
        *("rss", "RES", "open_fds", "latency_p99", "requests_total", "error_rate", "unavailable", "frees_total"),
        *("used_bytes", "queue_wait_free", "cache_size", "freelist_pages", "process_resident_memory_bytes"),
    ],
)
def test_up(name: str) -> None:
    assert worsens(name) == "up"
