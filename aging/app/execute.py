"""Runs a prepared campaign with its live view and seals it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from typing import Any

from rich.console import Console
from rich.live import Live

from aging.campaign.schema import Campaign
from aging.core.allocator import keep_flat
from aging.core.clock import ticks
from aging.core.errors import StorageError, writing
from aging.report.live import lines, show_lines, table
from aging.report.progress import Progress
from aging.runner.campaign import CampaignRunner, Outcome
from aging.store.layout import Layout
from aging.store.sealing import seal_tree

_REFRESH_SECONDS = 1.0


_PLAIN_SECONDS = 60.0


def seal(
    runner: CampaignRunner,
    looking: Coroutine[Any, Any, None] | None,
    campaign: Campaign,
    layout: Layout,
    console: Console,
) -> Outcome:
    """Run to the end, and seal what there is."""
    keep_flat()
    outcome = asyncio.run(run_watched(runner, looking, campaign, layout, console))
    try:
        with writing(layout.root):
            seal_tree(layout.root)
    except StorageError as error:
        if outcome is not Outcome.HALTED:
            raise
        console.print(f"not everything could be sealed: {error}; `aging resume` will", soft_wrap=True)
    return outcome


async def run_watched(
    runner: CampaignRunner,
    looking: Coroutine[Any, Any, None] | None,
    campaign: Campaign,
    layout: Layout,
    console: Console,
) -> Outcome:
    beside = [asyncio.create_task(_view(campaign, layout, console))]
    if looking is not None:
        beside.append(asyncio.create_task(looking))
    try:
        return await runner.run()
    finally:
        for task in beside:
            task.cancel()
            # Whoever looked may have gone (``| head``): the campaign goes on without being seen.
            with contextlib.suppress(asyncio.CancelledError, BrokenPipeError):
                await task


async def _view(campaign: Campaign, layout: Layout, console: Console) -> None:
    with Progress(layout) as progress:
        if console.is_terminal:
            with Live(console=console, auto_refresh=False) as live:
                try:
                    async for _ in ticks(_REFRESH_SECONDS, time.monotonic()):
                        live.update(table(campaign.name, progress.snapshot()), refresh=True)
                finally:
                    live.update(table(campaign.name, progress.snapshot()), refresh=True)
        else:
            shown = time.monotonic()
            # Followed every second all the same: a minute's rows at once would be a step in our own memory.
            async for _ in ticks(_REFRESH_SECONDS, time.monotonic()):
                snapshot = progress.snapshot()
                if time.monotonic() - shown >= _PLAIN_SECONDS:
                    shown += _PLAIN_SECONDS
                    show_lines(console, lines(campaign.name, snapshot))
