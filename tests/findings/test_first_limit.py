"""Which limit is met first, and what is no limit to tell of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aging.core.metrics import PRIMARY
from aging.findings.first_limit import at_limit, first_limits, runs_out
from aging.findings.types import Finding, Outlook
from tests.check.test_observation import FINDING

SAFE = Outlook("safe", 300.0, 720.0, 200.0, 10.0, 20_000.0, None, limit_name="its limit of 300 open files")


def one(indicator: str, verdict: Any, answer: Any, earliest: float | None, left: float = 200.0) -> Finding:
    outlook = replace(SAFE, answer=answer, earliest_hours=earliest, left=left)
    return replace(FINDING, indicator=indicator, verdict=verdict, outlook=outlook)


MEMORY = one(PRIMARY, "stable", "undecided", 500.0)
THREADS = replace(one("process_threads", "stable", "undecided", 60.0), ci_per_hour=(0.0, 0.0))


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([], [PRIMARY]),
        ([THREADS], [PRIMARY]),
        ([one("process_fds", "aging", "exhausts", 0.03)], ["process_fds", PRIMARY]),
        ([one("process_fds", "inconclusive", "exhausts", 0.1)], ["process_fds", PRIMARY]),
        ([one("process_fds", "stable", "exhausts", 0.0, left=0.0)], ["process_fds", PRIMARY]),
        ([one("process_fds", "aging", "undecided", 40.0)], ["process_fds", PRIMARY]),
        ([one("process_fds", "aging", "undecided", 900.0)], [PRIMARY]),
        ([one("process_fds", "aging", "exhausts", 3.0), one("process_vms_bytes", "aging", "exhausts", 0.1)],
         ["process_vms_bytes", "process_fds", PRIMARY]),
        ([one("engine_kv_cache_usage", "stable", "exhausts", 0.0, left=0.0)], [PRIMARY]),
        ([one("engine_kv_cache_usage", "aging", "exhausts", 2.0)], ["engine_kv_cache_usage", PRIMARY]),
    ],
)  # fmt: skip
def test_order(others: list[Finding], expected: list[str]) -> None:
    assert [found.indicator for found in first_limits([*others, MEMORY])] == expected


def test_safe_memory_does_not_hide_what_is_undecided() -> None:
    fds = one("process_fds", "inconclusive", "undecided", 700.0)
    assert first_limits([fds, one(PRIMARY, "stable", "safe", 9e3)])[0].indicator == "process_fds"


def test_at_limit() -> None:
    full = one("process_fds", "bounded", "exhausts", 0.0, left=0.0)
    assert at_limit(full)
    near = one("process_fds", "bounded", "exhausts", 0.1)
    assert runs_out(near)
    assert not at_limit(near)
    assert not runs_out(replace(near, outlook=None))
