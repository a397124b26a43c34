"""The timer wakes when it is due, not before, and at once when it is rung."""

from __future__ import annotations

import asyncio
import sys
import time

import pytest

from aging.load.timer import Timer


@pytest.fixture(params=[sys.platform, "elsewhere"])
def anywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", request.param)


@pytest.mark.usefixtures("anywhere")
def test_it_wakes_when_it_is_due() -> None:
    async def wait() -> list[float]:
        with Timer() as timer:
            late = []
            for k in range(20):
                due = time.monotonic() + 0.001 * k
                await timer.wait_until(due)
                late.append(time.monotonic() - due)
            return late

    assert all(late >= 0.0 for late in asyncio.run(wait()))


@pytest.mark.usefixtures("anywhere")
def test_it_can_be_rung_and_then_set_again() -> None:
    async def wait() -> tuple[float, float]:
        with Timer() as timer:
            began = time.monotonic()
            asyncio.get_running_loop().call_later(0.05, timer.ring)
            await timer.wait_until(began + 60.0)
            rung = time.monotonic()
            await timer.wait_until(rung + 0.05)
            return rung - began, time.monotonic() - rung

    rung, then = asyncio.run(wait())
    assert rung < 60.0
    assert then >= 0.05


def test_an_overdue_wait_lets_other_tasks_run() -> None:
    async def wait() -> int:
        turns = 0

        async def other() -> None:
            nonlocal turns
            for _ in range(10):
                turns += 1
                await asyncio.sleep(0)

        with Timer() as timer:
            running = asyncio.create_task(other())
            for _ in range(10):
                await timer.wait_until(0.0)
            seen = turns
            await running
            return seen

    assert asyncio.run(wait()) >= 5
