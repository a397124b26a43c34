"""The resolution of every indicator."""

from __future__ import annotations

import os

import pytest

from aging.core.metrics import DEVICE_MEMORY, PRIMARY, resolution

PAGE = os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("indicator", "level", "least"),
    [
        (PRIMARY, 1e9, 64 * PAGE),
        ("process_rss_bytes", 0.0, 64 * PAGE),
        (DEVICE_MEMORY, 1e9, 2 * 2**20),
        ("process_cpu_seconds_total", 0.1, 0.01),
        ("process_cpu_seconds_total", 2.0, 0.05),
        ("client_e2e_seconds", 0.02, 1e-3),
        ("client_ttft_p95_seconds", 0.4, 0.01),
        ("process_fds", 100.0, 8.0),
        ("process_threads", 100.0, 4.0),
        ("slo_attainment_ratio", 1.0, 0.0),
        ("rss", 1e9, 0.0),
    ],
)
def test_resolution(indicator: str, level: float, least: float) -> None:
    assert resolution(indicator, level) == pytest.approx(least)
