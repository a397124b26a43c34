"""Columns that hold the limits of others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aging.tables.choice import Choice
from aging.tables.reader import reading_of
from aging.tables.table import Table

T = np.arange(60.0) * 60
RISES = 1e9 + 1e5 * T


def read(**columns: Any) -> tuple[dict[str, float | None], dict[str, str]]:
    table = Table({"time": T, **{name: np.broadcast_to(np.asarray(y), T.shape) for name, y in columns.items()}})
    reading = reading_of(table, "a.csv", Choice())
    return {one.column: one.limit for one in reading.series}, {one.column: one.reason for one in reading.left_out}


@pytest.mark.parametrize(
    ("limit", "limited"),
    [
        ("limit_bytes", "rss_bytes"),
        ("memory_limit_bytes", "memory_usage_bytes"),
        ("max_memory_bytes", "process_resident_memory_bytes"),
        ("process_max_fds", "process_open_fds"),
        ("heap_max_bytes", "heap_used_bytes"),
    ],
)
def test_limit_of_the_column_that_fits(limit: str, limited: str) -> None:
    series, left_out = read(**{limited: RISES, limit: 8e9, "latency_ms": 5 + T % 7})
    assert series == {limited: 8e9, "latency_ms": None}
    assert left_out[limit] == f"is the limit of {limited}"


def test_limit_of_several_is_given_to_none() -> None:
    series, left_out = read(rss_bytes=RISES, memory_used_bytes=RISES, memory_limit_bytes=8e9)
    assert series == {"rss_bytes": None, "memory_used_bytes": None}
    assert "--limit" in left_out["memory_limit_bytes"]


def test_what_changes_or_lies_below_is_no_limit() -> None:
    series, _ = read(rss_bytes=RISES, max_rss_bytes=RISES + 1e6)
    assert series == {"rss_bytes": None, "max_rss_bytes": None}
    series, _ = read(rss_bytes=RISES, rss_limit_bytes=1e8)
    assert series == {"rss_bytes": None}


def test_a_limit_alone_is_judged() -> None:
    assert read(memory_limit_bytes=8e9)[0] == {"memory_limit_bytes": None}
