"""Cancels, interrupts and restarts asyncio tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")

_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 60.0


async def cancel_all(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel the tasks and wait for their ends; their exceptions are dropped."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def to_the_end(doing: Coroutine[Any, Any, T]) -> T:
    """The result of ``doing``, which a cancellation of the caller delays but never ends; it is raised afterwards."""
    task = asyncio.create_task(doing)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return task.result()


async def run_unless(interrupted: asyncio.Event, doing: Coroutine[Any, Any, T]) -> T | None:
    """The result of ``doing``; None if the event is set first, and ``doing`` is then cancelled."""
    task, over = asyncio.create_task(doing), asyncio.create_task(interrupted.wait())
    try:
        await asyncio.wait({task, over}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        await cancel_all([task, over])


async def keep_going(
    run: Callable[[], Coroutine[Any, Any, None]], ended: Callable[[BaseException | None], object]
) -> None:
    """Run a task until cancelled: when it ends, call ``ended`` with its exception and restart it after a pause."""
    pause = _FIRST_PAUSE_SECONDS
    while True:
        loop = asyncio.create_task(run())
        try:
            await asyncio.wait({loop})
        finally:
            await cancel_all([loop])
        ended(loop.exception())
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
