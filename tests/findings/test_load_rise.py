"""Series of an engine that rise with its load are not accused; memory is, and what rises more than the load."""

from __future__ import annotations

import numpy as np
import pytest

from aging.findings.load_rise import with_load
from aging.findings.series import Series
from aging.findings.types import Finding

T = np.arange(0.0, 600.0, 10.0)


def aging(indicator: str) -> Finding:
    return Finding(
        deployment="server",
        indicator=indicator,
        replicas=1,
        n=T.size,
        verdict="aging",
        shape="linear",
        slope_per_hour=1.0,
        ci_per_hour=(0.9, 1.1),
        slope_per_request=None,
        ci_per_request=None,
        p=0.0,
        q=0.0,
        minimum_detectable_per_hour=None,
        tests={},
    )


@pytest.mark.parametrize(
    ("indicator", "own", "load", "verdict"),
    [
        ("engine_x_latency_mean_seconds", 0.5, 0.5, "inconclusive"),
        ("engine_x_latency_mean_seconds", 0.5, 0.0, "aging"),
        ("engine_x_latency_mean_seconds", 3.0, 0.3, "aging"),
        ("engine_x_cache_bytes", 0.5, 0.5, "aging"),
        ("process_fds", 0.5, 0.5, "aging"),
    ],
)
def test_a_rise_of_the_load(indicator: str, own: float, load: float, verdict: str) -> None:
    rate = 10.0 * (1 + load * T / T[-1])
    work = {"requests": np.cumsum(rate) * 10.0}
    series = Series("server", 1, 1, indicator, T, 100 * (1 + own * T / T[-1]), work)
    found = with_load(aging(indicator), [series])
    assert found.verdict == verdict
    assert ("load_rose" in found.note_codes) == (verdict == "inconclusive")


def test_without_a_counter_of_requests() -> None:
    indicator = "engine_x_latency_mean_seconds"
    series = Series("server", 1, 1, indicator, T, 100 + T, {})
    assert with_load(aging(indicator), [series]).verdict == "aging"
