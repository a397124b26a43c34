"""Ending tasks, and keeping those going that must not end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


async def cancelled(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Return when these have ended; what they raise is dropped."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def unless(interrupted: asyncio.Event, doing: Coroutine[Any, Any, T]) -> T | None:
    """The result of ``doing``; None where the event was set before there was one, and it is then cancelled."""
    task, over = asyncio.create_task(doing), asyncio.create_task(interrupted.wait())
    try:
        await asyncio.wait({task, over}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        await cancelled([task, over])


async def kept_going(
    run: Callable[[], Coroutine[Any, Any, None]], ended: Callable[[BaseException | None], object]
) -> None:
    """Run what must not end, until cancelled: where it has, ``ended`` is told with what and it begins again."""
    pause = _FIRST_PAUSE_SECONDS
    while True:
        loop = asyncio.create_task(run())
        try:
            await asyncio.wait({loop})
        finally:
            await cancelled([loop])
        ended(loop.exception())
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
