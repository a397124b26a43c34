"""A rehearsal of the load client, so that the harness does not seem to age while it measures.

Python's allocator takes memory the first time each degree of concurrency is
reached and as its pools fragment, for the first thousands of requests. Walking all
paths many at a time, against a server inside this very process, takes it before
the measurement: afterwards the client's memory is flat (``docs/measurement.md``).
"""

from __future__ import annotations

import asyncio
import time

from aging.core.allocator import prefill_allocator
from aging.core.endpoint import Endpoint
from aging.deployments.reference_server.leak import Ager, Aging
from aging.deployments.reference_server.server import Pace, ReferenceServer
from aging.load.client import Client, Limits
from aging.load.schedule.planned_request import PlannedRequest

_REQUESTS = 300
_TOKENS = 48
_GAP_SECONDS = 0.0005
_CONCURRENCY = 64

_SPARE_BYTES = 4 * 2**20


async def rehearse() -> None:
    """Drive a clean reference server of this process for a moment, with kept and with closed connections."""
    for reuse_connections in (True, False):
        await _rehearse(reuse_connections)
    prefill_allocator(_SPARE_BYTES)


async def _rehearse(reuse_connections: bool) -> None:
    stop = asyncio.Event()
    listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    server = ReferenceServer(Ager(Aging()), Pace(ttft_seconds=0.005, token_seconds=0.0))
    serving = asyncio.create_task(server.serve("127.0.0.1", 0, listening, stop))
    endpoint = Endpoint(f"http://127.0.0.1:{await listening}", "rehearsal", reuse_connections=reuse_connections)
    limits = Limits(_CONCURRENCY, timeout=10.0, drain=10.0)
    client = Client(endpoint, limits, seed=0, load_start=time.monotonic(), record=lambda _: None)
    await client.run(PlannedRequest(k, k * _GAP_SECONDS, 200, _TOKENS, k % 3 > 0) for k in range(_REQUESTS))
    stop.set()
    await serving
