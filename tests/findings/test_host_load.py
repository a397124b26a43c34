"""When the host may explain a difference of latency: the parts of the time in which a task waited for a CPU."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aging.findings.comparison.host_load import waiting_shares

COUNTER = "host_pressure_cpu_some_seconds_total"


def side(share: float | None) -> Any:
    """A side whose host waited this share of 100 s of load, after a warm-up of 20 s without any."""
    mono = np.arange(0.0, 101.0)
    rows = {"mono": mono} if share is None else {"mono": mono, COUNTER: np.maximum(mono - 20, 0) * share}
    results = SimpleNamespace(samples=lambda *_args, **_more: pd.DataFrame(rows))
    window = SimpleNamespace(load_start=0.0, warmup=20.0, load_end=100.0)
    return SimpleNamespace(source=SimpleNamespace(results=results), windows={1: window})


@pytest.mark.parametrize(
    ("mine", "theirs", "told"),
    [
        (0.1, 0.15, False),
        (0.1, 0.4, True),  # unequal
        (0.95, 0.93, True),  # alike, and who waited is chance
        (0.45, 0.48, False),
        (None, 0.9, False),
    ],
)
def test_waiting_shares(mine: float | None, theirs: float | None, told: bool) -> None:
    found = waiting_shares(SimpleNamespace(baseline=side(mine), other=side(theirs)))  # type: ignore[arg-type]
    assert found == (pytest.approx((mine, theirs)) if told else None)


def test_of_one_campaign_the_host_is_the_same() -> None:
    one = side(0.9)
    assert waiting_shares(SimpleNamespace(baseline=one, other=one)) is None  # type: ignore[arg-type]
