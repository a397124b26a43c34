"""Ticks do not drift, and missed ones are counted instead of replayed."""

from __future__ import annotations

import asyncio
import time

import pytest

from aging.core.clock import ticks
from aging.core.format import folder_name, hour_name, readable_duration
from tests import virtual_time


def test_ticks_do_not_drift() -> None:
    async def due() -> list[float]:
        start = time.monotonic()
        seen = []
        async for _ in ticks(0.05, start):
            seen.append(time.monotonic() - start)
            await asyncio.sleep(0.02)
            if len(seen) == 8:
                return seen
        raise AssertionError

    assert virtual_time.run(due()) == pytest.approx([0.05 * k for k in range(8)], abs=1e-6)


def test_missed_ticks_are_counted() -> None:
    clock = virtual_time.Clock()

    async def after_a_block() -> tuple[int, int, float]:
        start = time.monotonic()
        stream = ticks(0.2, start)
        await anext(stream)
        clock.now += 0.92  # the loop is blocked
        late = await anext(stream)
        following = await anext(stream)
        return late.missed, following.missed, time.monotonic() - start

    missed, then, at = virtual_time.run(after_a_block(), clock)
    assert (missed, then) == (3, 0)
    assert at == pytest.approx(1.0)


@pytest.mark.parametrize(("seconds", "text"), [(4.4, "4s"), (65, "1m 05s"), (3600, "1h 00m"), (777_600, "216h 00m")])
def test_readable_duration(seconds: float, text: str) -> None:
    assert readable_duration(seconds) == text


def test_file_names_sort_by_time() -> None:
    assert folder_name(0.0) == "19700101T000000Z"
    assert hour_name(3600 * 25) == "19700102T01"
