"""A load process, from its job to its last event; ``aging.load.__main__`` describes what it reads and writes."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import asdict
from itertools import chain
from typing import Any

from aging.core.clock import ticks
from aging.core.records import RequestRecord, request_row
from aging.core.tasks import cancel_all
from aging.load.client import Client, Limits
from aging.load.heartbeat import Pulse, objectives_of
from aging.load.job import Job
from aging.load.record_writer import Records
from aging.load.schedule.planned_request import PlannedRequest
from aging.load.warmup import rehearse
from aging.store.segments import Sealer, SegmentWriter

_ORPHAN_DRAIN_SECONDS = 1.0
_PULSE_SECONDS = 1.0

Send = Callable[..., None]
"""Writes an event for the runner: ``send(event, **details)``."""


async def main(send: Send) -> None:
    """Read the job, drive it, and carry out the commands that follow."""
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    await rehearse()
    send("started")
    line = (await commands.readline()).decode()
    if not line:  # the runner has ended
        return
    job = Job.from_json(line)
    sealer = Sealer(lambda failed: send(failed.kind, **failed.details))
    records = Records(SegmentWriter(job.folder, sealer), lambda reason: send("full", reason=reason))

    pulse = Pulse(job.load_start, objectives=objectives_of(job.load))

    def record(done: RequestRecord) -> None:
        pulse.recorded(done)
        records.write(on_timeline(done, job.shift))

    limits = Limits(job.load.concurrency_cap, job.load.timeout, job.load.drain)
    client = Client(
        job.endpoint, limits, job.seed, job.load_start, record, generation=job.generation, written=job.written()
    )
    if job.held:
        client.hold()
    digest = job.digest()

    def arrived(request: PlannedRequest) -> None:
        digest.add(request)
        pulse.arrived(request)

    requests, driven = job.requests(), 0.0
    if job.resumed:  # in a thread: drawing days of a schedule takes seconds, and commands must be read in that time
        driven = time.monotonic() - job.load_start
        first = await asyncio.to_thread(not_yet_due, requests, job.load_start, digest.add)
        send("resumed", first=None if first is None else first.number)
        requests = chain(() if first is None else (first,), requests)
    load = asyncio.create_task(client.run(requests, job.closed(driven), job.duration, arrived))
    control = asyncio.create_task(_carry_out(commands, client, send))
    beating = asyncio.create_task(_beat(pulse, client, send))
    await asyncio.wait((load, control), return_when=asyncio.FIRST_COMPLETED)
    if control.done():
        control.result()
        client.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ORPHAN_DRAIN_SECONDS):
                await load
    control.cancel()
    beating.cancel()
    if load.done() and not load.cancelled():
        load.result()
    lost = {"unwritten": records.close(), "dropped": records.dropped}
    send("finished", schedule_hash=str(digest), requests=digest.requests, **lost)


def on_timeline(done: RequestRecord, shift: float) -> dict[str, Any]:
    """A record's row, its instants on the campaign's timeline."""
    row = request_row(done)
    for name in ("scheduled", "sent", "first_token", "last_token", "finished") if shift else ():
        if row.get(name) is not None:
            row[name] += shift
    return row


def not_yet_due(
    requests: Iterator[PlannedRequest], load_start: float, passed_over: Callable[[PlannedRequest], object]
) -> PlannedRequest | None:
    """The first request that is due later than now, or None. All requests before it are ``passed_over``."""
    for request in requests:
        if load_start + request.at > time.monotonic():
            return request
        passed_over(request)
    return None


async def _beat(pulse: Pulse, client: Client, send: Send) -> None:
    async for _ in ticks(_PULSE_SECONDS, time.monotonic()):
        send("pulse", **asdict(pulse.now(client.waiting)))


async def _carry_out(commands: asyncio.StreamReader, client: Client, send: Send) -> None:
    """Carry out commands until the input ends; those that wait for requests do so beside the next ones."""
    waiting: set[asyncio.Task[None]] = set()

    def later(telling: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(telling)
        waiting.add(task)
        task.add_done_callback(waiting.discard)

    async def tell_holding(within: float) -> None:
        send("holding", left=await client.drained(within=within))

    async def tell_drained(generation: int) -> None:
        await client.drained(generation)
        send("drained", generation=generation)

    try:
        while line := (await commands.readline()).decode():
            match line.split():
                case ["hold", within]:
                    client.hold()
                    later(tell_holding(float(within)))
                case ["release", generation]:
                    client.release(int(generation))
                case ["redirect", base_url, generation]:
                    client.redirect(base_url, int(generation))
                    later(tell_drained(int(generation) - 1))
                case ["cut", generation]:
                    send("cut", generation=int(generation), requests=client.cut(int(generation)))
                case ["stop"]:
                    client.stop()
    finally:
        await cancel_all([*waiting])
