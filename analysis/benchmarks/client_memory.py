"""Does the load client itself age? A million requests of every kind, and its own verdict on its own memory.

The client runs in this process as it does in a load process (rehearsed, its records written to disk) against
``truth_server.py`` in another; one request in five is impolite and one in twenty meets a fault of the server's.
Most requests come from a closed loop, as fast as it goes, some from an open load beside it: however busy the machine
is, no more are in flight than may be. Prints what became of them, the verdict and the slope per request::

    python -m analysis.benchmarks.client_memory                      # 10⁶ requests, ten minutes on two cores
    python -m analysis.benchmarks.client_memory --requests 100000 --fresh-connections
    python -m analysis.benchmarks.client_memory --httpx              # httpx's default transport instead
"""

from __future__ import annotations

import argparse
import asyncio
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import get_args

import httpx

from aging.core.endpoint import Endpoint
from aging.core.records import RequestRecord, request_row
from aging.load.client import Client, Limits
from aging.load.schedule.planned_request import ClosedLoop, Fault, PlannedRequest
from aging.load.warmup import rehearse
from aging.store.segments import SegmentWriter
from analysis.benchmarks import truth_server

_IMPOLITE = 0.2
_FAULTY = 0.05
_STREAMING = 0.7
_TIMEOUT_SECONDS = 0.2
_MOST_SECONDS = 4 * 3600
_WARM_SHARE = 0.05
"""Of the run that is not judged: until every degree of concurrency has been reached."""

_HTTPX_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=1000)

_FAULTS: tuple[Fault, ...] = get_args(Fault)


def main() -> None:
    """Drive, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=200.0, help="requests per second of the open load, Poisson")
    parser.add_argument(
        "--places", type=int, default=16, help="of the closed loop, and most of the open load at a time"
    )
    parser.add_argument("--tokens", type=int, default=16, help="most output tokens that are asked for")
    parser.add_argument("--prompt", type=int, default=512, help="most prompt tokens")
    parser.add_argument("--fresh-connections", action="store_true", help="a connection for every request")
    parser.add_argument("--polite", action="store_true", help="no impolite request, no fault of the server's")
    parser.add_argument("--httpx", action="store_true", help="httpx's default transport")
    options = parser.parse_args()
    statuses: Counter[str] = Counter()
    faulty = 0.0 if options.polite else _FAULTY
    with truth_server.started("--faulty", str(faulty)) as (_, url), TemporaryDirectory() as folder:
        endpoint = Endpoint(url, "soak", reuse_connections=not options.fresh_connections)
        samples = asyncio.run(_soak(endpoint, options, Path(folder), statuses))
    _judge(samples, statuses)


async def _soak(endpoint: Endpoint, options: argparse.Namespace, folder: Path, statuses: Counter[str]) -> array[float]:
    """Requests done, seconds and bytes of anonymous memory, once a second, one after the other."""
    await rehearse()
    writer = SegmentWriter(folder)
    samples = array("d", bytes(3 * 8 * _MOST_SECONDS))  # all of it taken now
    taken = 0

    def record(done: RequestRecord) -> None:
        statuses[f"{done.status}{f' ({done.failure})' if done.failure else ''}"] += 1
        writer.append(time.time(), [request_row(done)])

    limits = Limits(options.places, timeout=_TIMEOUT_SECONDS, drain=5.0)
    transport = httpx.AsyncHTTPTransport(limits=_HTTPX_LIMITS) if options.httpx else None
    start = time.monotonic() + 1.0
    client = Client(endpoint, limits, 1, start, record, transport=transport)
    loop = ClosedLoop((request._replace(at=0.0) for request in _requests(options, 2)), options.places)
    load = asyncio.create_task(client.run(_requests(options, 1), (loop,), _MOST_SECONDS))
    while not load.done() and taken < len(samples):
        await asyncio.wait((load,), timeout=1.0)
        if statuses.total() >= options.requests:
            client.stop()
        samples[taken] = statuses.total()
        samples[taken + 1] = time.monotonic() - start
        samples[taken + 2] = _anonymous_bytes()
        taken += 3
    load.result()
    writer.close()
    return samples[: taken - 3]


def _requests(options: argparse.Namespace, seed: int) -> Iterator[PlannedRequest]:
    rng = Random(seed)
    at = 0.0
    for number in count():
        at += rng.expovariate(options.rate)
        fault = rng.choice(_FAULTS) if rng.random() < _IMPOLITE and not options.polite else ""
        prompt, tokens = rng.randint(1, options.prompt), rng.randint(1, options.tokens)
        yield PlannedRequest(number, at, prompt, tokens, rng.random() < _STREAMING, fault=fault)


def _judge(samples: array[float], statuses: Counter[str]) -> None:
    import numpy as np  # noqa: PLC0415 - not in the memory that is measured

    from aging.stats import trend_test  # noqa: PLC0415

    for status, times in statuses.most_common():
        print(f"{status:<22} {times:>9,}")
    done, seconds, memory = np.array(samples).reshape(-1, 3).T
    kept = seconds >= _WARM_SHARE * seconds[-1]
    rate = (done[-1] - done[kept][0]) / (seconds[-1] - seconds[kept][0])
    print(
        f"{done[-1]:,.0f} requests at {rate:,.0f}/s; anonymous memory {memory[0] / 2**20:.2f} MiB at the first "
        f"second, {memory[kept][0] / 2**20:.2f} after the warm-up, {memory[-1] / 2**20:.2f} at the end"
    )
    trend = trend_test(seconds[kept], memory[kept])
    slope, low, high = (each / rate for each in (trend.slope, trend.low, trend.high))
    print(f"verdict: {trend.verdict}; {slope:+.4f} bytes a request [{low:+.4f}, {high:+.4f}]")
    for note in trend.notes:
        print(f"note: {note}")


def _anonymous_bytes() -> int:
    with open("/proc/self/status", "rb") as status:
        return sum(int(line.split()[1]) * 1024 for line in status if line.startswith((b"RssAnon", b"VmSwap")))


if __name__ == "__main__":
    main()
