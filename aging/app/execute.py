"""Runs a campaign with its live view: the process that measures, for days.

It imports no library of the analysis, which follows in a process of its own (:mod:`aging.app.conclude`).
"""

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
from aging.report.live import lines, show_lines, table, turns
from aging.report.progress import Progress
from aging.runner.campaign import CampaignRunner, Outcome
from aging.store.layout import Layout

_REFRESH_SECONDS = 1.0
_CALM_REFRESH_SECONDS = 3.0
"""Of an observation, whose own cost is to be small."""

_FIRST_SECONDS = 15.0
_PLAIN_SECONDS = 60.0


def measure(
    runner: CampaignRunner,
    looking: Coroutine[Any, Any, None] | None,
    campaign: Campaign,
    layout: Layout,
    console: Console,
) -> Outcome:
    """Run a campaign to its end."""
    keep_flat()
    return asyncio.run(run_watched(runner, looking, campaign, layout, console))


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
            # The reader of the pipe may have closed it (``| head``): the campaign continues without a view.
            with contextlib.suppress(asyncio.CancelledError, BrokenPipeError):
                await task


async def _view(campaign: Campaign, layout: Layout, console: Console) -> None:
    refresh = _REFRESH_SECONDS if campaign.load is not None else _CALM_REFRESH_SECONDS
    with Progress(layout) as progress:
        if console.is_terminal:
            with Live(console=console, auto_refresh=False) as live:
                try:
                    async for _ in ticks(refresh, time.monotonic()):
                        live.update(table(campaign.name, progress.snapshot()), refresh=True)
                finally:
                    live.update(table(campaign.name, progress.snapshot()), refresh=True)
        else:
            due = time.monotonic() + (_PLAIN_SECONDS if campaign.load is not None else _FIRST_SECONDS)
            told: list[tuple[str, int, int, bool]] = []
            # Read every second: the rows of a minute at once would show as a step in this process's memory.
            async for _ in ticks(refresh, time.monotonic()):
                snapshot = progress.snapshot()
                now = turns(snapshot)
                if time.monotonic() >= due or (told and now != told):
                    due = time.monotonic() + _PLAIN_SECONDS
                    show_lines(console, lines(campaign.name, snapshot))
                told = now or told
