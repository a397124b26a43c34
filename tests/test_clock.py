"""Ticks do not drift, and what was missed is counted instead of replayed."""

from __future__ import annotations

import asyncio
import time

import pytest

from aging.clock import folder_name, hour_name, readable_duration, ticks


def test_ticks_follow_the_start_and_not_the_work_between_them() -> None:
    async def due() -> list[float]:
        start = time.monotonic()
        seen = []
        async for _ in ticks(0.05, start):
            seen.append(time.monotonic() - start)
            await asyncio.sleep(0.02)
            if len(seen) == 8:
                return seen
        raise AssertionError

    for k, at in enumerate(asyncio.run(due())):
        assert k * 0.05 <= at < k * 0.05 + 0.04


def test_ticks_that_passed_unseen_are_counted_and_skipped() -> None:
    async def after_a_block() -> tuple[int, float]:
        start = time.monotonic()
        stream = ticks(0.2, start)
        await anext(stream)
        time.sleep(0.92)  # noqa: ASYNC251 - the loop is blocked on purpose
        late = await anext(stream)
        following = await anext(stream)
        assert following.missed == 0
        return late.missed, (time.monotonic() - start) % 0.2

    missed, phase = asyncio.run(after_a_block())
    assert missed == 3
    assert phase < 0.12


@pytest.mark.parametrize(("seconds", "text"), [(4.4, "4s"), (65, "1m 05s"), (3600, "1h 00m"), (777_600, "216h 00m")])
def test_durations_read_well(seconds: float, text: str) -> None:
    assert readable_duration(seconds) == text


def test_names_are_utc_and_sort_by_time() -> None:
    assert folder_name(0.0) == "19700101T000000Z"
    assert hour_name(3600 * 25) == "19700102T01"
