"""The client, driven against a server on a real socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from aging.core.endpoint import Answers, Endpoint
from aging.core.records import RequestRecord
from aging.load.client import Client, Limits
from aging.load.schedule.planned_request import PlannedRequest

SEED = 1
LIMITS = Limits(concurrency_cap=64, timeout=60.0, drain=60.0)


def requests(count: int, gap: float, *, streaming: bool = True, tokens: int = 4) -> list[PlannedRequest]:
    return [PlannedRequest(k, k * gap, 5, tokens, streaming) for k in range(count)]


def drive(
    url: str,
    planned: list[PlannedRequest],
    limits: Limits = LIMITS,
    script: Callable[[Client], Coroutine[Any, Any, None]] | None = None,
    path: str = "/v1/completions",
    *,
    answers: Answers = "unknown",
) -> list[RequestRecord]:
    """Drive a server with a schedule; ``script`` is a coroutine function that steers the client in that time."""
    records: list[RequestRecord] = []

    async def run() -> None:
        client = Client(
            Endpoint(url, "m", path, answers=answers), limits, SEED, time.monotonic() + 0.05, records.append
        )
        steering = asyncio.create_task(script(client)) if script else None
        await client.run(planned)
        if steering is not None:
            await steering

    asyncio.run(run())
    return sorted(records, key=lambda record: record.index)
