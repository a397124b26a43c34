"""The sentence on where memory grew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aging.core.metrics import PRIMARY
from aging.findings.types import CountChange, Finding, GrowthPlaces, KindGrowth, ProcessGrowth
from aging.report import wording
from aging.report.places import where

MIB = 2.0**20
_UNKNOWN: dict[str, Any] = dict.fromkeys(
    ("shape", "slope_per_hour", "ci_per_hour", "slope_per_request", "ci_per_request", "p", "q")
)
COUNTS = CountChange(0, 2, {}, 0, None, None)
PLACES = GrowthPlaces(
    replica=1,
    seconds=1800.0,
    per_hour=25 * MIB,
    named="worker 3 of 4",
    processes=(
        ProcessGrowth(
            "worker 3 of 4", 4123, "python server.py", 1, 24.5 * MIB, 0.98, grows_since="2026-11-21T10:00:00+00:00"
        ),
        ProcessGrowth("main process", 4100, "python server.py", 1, 0.5 * MIB, 0.02),
    ),
    kinds=(
        KindGrowth("anonymous mappings", 24 * MIB, 0.97),
        KindGrowth("heap", 0.8 * MIB, 0.03),
        KindGrowth("stacks", 0.0, 0.0),
    ),
    counts=COUNTS,
    beside={"shared memory": 100.0, "mapped files": -5.0},
    allocator={},
)


def said(places: GrowthPlaces) -> str:
    (sentence,) = where(finding(places))
    return sentence


def finding(*places: GrowthPlaces) -> Finding:
    return Finding("a", PRIMARY, 1, 61, "aging", minimum_detectable_per_hour=None, tests={}, **_UNKNOWN, places=places)


def test_named_process() -> None:
    assert said(PLACES) == (
        "Where: worker 3 of 4 (pid 4123, python server.py, growing since November 21, 10:00:00 UTC): 98 % of the"
        " growth; anonymous mappings 97 %, heap 3 %; +0 threads, +2 open files (last 30m 00s)."
    )


def test_growth_before_the_watch() -> None:
    first, second = PLACES.processes
    before = said(replace(PLACES, processes=(replace(first, grew_before=True), second)))
    assert "growing since before it was first read at November 21, 10:00:00 UTC" in before


def test_long_command_is_cut() -> None:
    first, second = PLACES.processes
    long = replace(PLACES, processes=(replace(first, command="x" * 500, grows_since=None), second))
    assert "x…)" in said(long)
    assert len(said(long)) < 250


def test_others_shrank() -> None:
    first, second = PLACES.processes
    more = replace(PLACES, processes=(replace(first, share=1.2), second))
    assert "120 % of the growth (others shrank)" in said(more)


def test_not_clearly_one_process() -> None:
    assert "not clearly one of 2 processes: worker 3 of 4 98 %, main process 2 %;" in said(replace(PLACES, named=None))


def test_threads_stacks_and_sockets() -> None:
    counts = CountChange(84, 120, {"socket": 120}, 84, 8 * MIB, 132 * 1024.0)
    assert (
        "+84 threads (+84 stacks of 8.00 MiB reserved, 132 KiB resident each), +120 open files (+120 sockets)"
        in said(replace(PLACES, counts=counts))
    )


def test_allocator_and_what_is_beside_the_indicator() -> None:
    more = replace(
        PLACES,
        allocator={"in use": 20 * MIB, "kept free": 4 * MIB},
        beside={"shared memory": 10 * MIB, "mapped files": 0.0, "device memory": 50 * MIB},
    )
    assert "malloc: +20.0 MiB/h in use, +4.00 MiB/h kept free; shared memory +10.0 MiB/h, device memory" in said(more)


def test_nothing_known_but_the_window() -> None:
    bare = replace(PLACES, named=None, processes=(), kinds=(), counts=CountChange(None, None, {}, 0, None, None))
    assert where(finding(replace(bare, beside={}))) == []
    assert where(finding()) == []


@pytest.mark.parametrize("count", [1, 2])
def test_beside_the_verdict(count: int) -> None:
    found = finding(*(replace(PLACES, replica=number + 1) for number in range(count)))
    assert [line for line in wording.details(found) if line.startswith("Where")] == where(found)
