"""``python -m aging.load``: the load process of one deployment.

Standard input: first the job, one JSON line; then one command a line: ``hold``,
``release GENERATION``, ``stop``. Standard output: one JSON event a line: ``started``
when it is ready for its job, ``holding`` when nothing is in flight any more,
``finished`` with the hash of the schedule it drove. When its input ends, whoever
started it has died: it stops and drains briefly.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from aging.load.client import Client, Limits
from aging.load.job import Job
from aging.load.planned import PlannedRequest
from aging.load.rehearsal import rehearse
from aging.model import RequestRecord
from aging.store.segments import SegmentWriter

_ORPHAN_DRAIN_SECONDS = 1.0


async def main() -> None:
    """Read the job, drive it, obey the commands that come meanwhile."""
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    await rehearse()
    _tell("started")
    job = Job.from_json((await commands.readline()).decode())
    writer = SegmentWriter(job.folder)

    def record(done: RequestRecord) -> None:
        writer.append(time.time(), [asdict(done)])

    limits = Limits(job.load.concurrency_cap, job.load.timeout, job.load.drain)
    client = Client(job.endpoint, limits, job.seed, job.load_start, record)
    digest = job.digest()

    def hashed() -> Iterator[PlannedRequest]:
        for request in job.requests():
            digest.add(request)
            yield request

    load = asyncio.create_task(client.run(hashed()))
    control = asyncio.create_task(_obey(commands, client))
    await asyncio.wait((load, control), return_when=asyncio.FIRST_COMPLETED)
    if control.done():
        control.result()
        client.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ORPHAN_DRAIN_SECONDS):
                await load
    control.cancel()
    if load.done() and not load.cancelled():
        load.result()
    writer.close()
    _tell("finished", schedule_hash=str(digest), requests=digest.requests)


async def _obey(commands: asyncio.StreamReader, client: Client) -> None:
    """Carry out commands until the input ends."""
    while line := (await commands.readline()).decode():
        match line.split():
            case ["hold"]:
                await client.hold()
                _tell("holding")
            case ["release", generation]:
                client.release(int(generation))
            case ["stop"]:
                client.stop()


def _tell(event: str, **details: Any) -> None:
    # Whoever listened may be gone; the records are on disk all the same.
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps({"event": event} | details), flush=True)  # noqa: T201 - the protocol of this process


if __name__ == "__main__":
    asyncio.run(main())
