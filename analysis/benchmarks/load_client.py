"""The load client over each transport it could have had, and beside its peers: CPU, truth and lateness in one run.

Each client is a process of its own on one core, the server (``truth_server.py``) another's on another; they take
turns, so that whatever else the machine does meets all. The server knows when it received a request and when it sent
its first token: what a client's time to first token is longer than that is the client's error (and the kernel's).
``python -m analysis.benchmarks.load_client`` prints the table; aiperf and guidellm are driven by ``http_clients.py``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import subprocess
import sys
import time
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from random import Random
from statistics import median

import httpx
import numpy as np

from aging.core.endpoint import Endpoint
from aging.core.records import RequestRecord
from aging.load.client import Client, Limits
from aging.load.http.transport import Transport
from aging.load.requests.bodies import content
from aging.load.requests.prompts import messages
from aging.load.schedule.planned_request import ClosedLoop, PlannedRequest
from analysis import ROOT
from analysis.benchmarks import truth_server
from analysis.benchmarks.figures import Line

_REPEATS = 3
_SECONDS = 10.0
_RATES = (50.0, 200.0)
_TOKENS, _PROMPT = 16, 48
_TTFT_SECONDS, _TOKEN_SECONDS = 0.02, 0.01
STREAMS = 32
_CAP = 2000
_SEED = 1


def _httpx() -> httpx.AsyncBaseTransport:
    return httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=None, max_keepalive_connections=_CAP))


def _aiohttp() -> httpx.AsyncBaseTransport:
    import aiohttp  # noqa: PLC0415 - measured where it is installed
    from httpx_aiohttp import AiohttpTransport  # noqa: PLC0415

    connector = aiohttp.TCPConnector(limit=0)
    transport: httpx.AsyncBaseTransport = AiohttpTransport(client=aiohttp.ClientSession(connector=connector))
    return transport


def _uvloop() -> asyncio.AbstractEventLoop:
    import uvloop  # noqa: PLC0415 - measured where it is installed

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


@dataclass(frozen=True, slots=True)
class Variant:
    """A way the client could be made: over which transport, in which event loop; ``needs`` is what is not ours."""

    transport: Callable[[], httpx.AsyncBaseTransport]
    loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    needs: str | None = None


VARIANTS: Mapping[str, Variant] = {
    "ours": Variant(Transport),
    "ours in uvloop": Variant(Transport, _uvloop, needs="uvloop"),
    "httpx": Variant(_httpx),
    "httpx-aiohttp": Variant(_aiohttp, needs="httpx_aiohttp"),
}


@dataclass(frozen=True, slots=True)
class Driven:
    """What a client did: CPU seconds, requests, how late each was sent, and (checksum, sent, first token) of each."""

    cpu: float
    requests: int
    late: Sequence[float]
    seen: Sequence[tuple[int, float, float]]


@dataclass(frozen=True, slots=True)
class Paced:
    """One client at a paced load; milliseconds."""

    cpu: float
    late: tuple[float, float]
    ttft_error: tuple[float, float]


def paced(transport: str, rate: float, url: str) -> Paced:
    """Drive ``url`` at ``rate`` and compare with what the server says of it."""
    _truth(url)
    driven = _child(transport, url, rate)
    truth = {number: first - received for number, received, first, _ in _truth(url)}
    errors = [first - sent - truth[number] for number, sent, first in driven.seen if number in truth]
    if len(errors) < 0.99 * driven.requests:
        raise SystemExit(f"{transport}: {driven.requests - len(errors)} of {driven.requests} requests failed")
    return Paced(driven.cpu / driven.requests * 1e3, _quantiles(driven.late), _quantiles(errors))


def saturated(transport: str, url: str) -> float:
    """Milliseconds of CPU a streamed request, ``STREAMS`` at a time, as fast as it goes."""
    driven = _child(transport, url, None)
    return driven.cpu / driven.requests * 1e3


def paced_rounds() -> Iterator[tuple[float, Mapping[str, Paced]]]:
    """Each rate, and every client's medians of its repeats."""
    with server("--ttft", str(_TTFT_SECONDS), "--token", str(_TOKEN_SECONDS), "--truth") as url:
        for rate in _RATES:
            taken: dict[str, list[Paced]] = {name: [] for name in _installed()}
            for _ in range(_REPEATS):
                for name, repeats in taken.items():
                    repeats.append(paced(name, rate, url))
            yield rate, {name: _median(repeats) for name, repeats in taken.items()}


def saturated_rounds() -> Mapping[str, float]:
    """Milliseconds of CPU that a streamed request takes every client when it does nothing but."""
    with server() as url:
        taken: dict[str, list[float]] = {name: [] for name in _installed()}
        for _ in range(_REPEATS):
            for name, repeats in taken.items():
                repeats.append(saturated(name, url))
    return {name: median(repeats) for name, repeats in taken.items()}


def transports() -> Iterator[Line]:
    """For the table of ``make bench``: the client over its own transport, against others that it could have had."""
    for rate, figures in paced_rounds():
        for name, one in figures.items():
            to = figures["httpx"]
            what, over = f"client over {name}, {rate:g} requests/s", "httpx's own transport"
            yield Line(f"{what}: CPU", one.cpu, "ms a request", one.cpu / to.cpu, f"{over} ({to.cpu:.3g} ms)")
            yield Line(
                f"{what}: TTFT too long, p99", one.ttft_error[1], "ms", one.ttft_error[1] / to.ttft_error[1], over
            )
            yield Line(f"{what}: sent late, p99", one.late[1], "ms", one.late[1] / to.late[1], over)
    fastest = saturated_rounds()
    for name, cpu in fastest.items():
        what = f"client over {name}, {STREAMS} streams at once: CPU"
        yield Line(
            what, cpu, "ms a request", cpu / fastest["httpx"], f"httpx's own transport ({fastest['httpx']:.3g} ms)"
        )


def main() -> None:
    """Print the table, or (``--drive``, in a process of its own) be one of its clients."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drive", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--rate", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drive:
        variant = VARIANTS[options.drive]
        with asyncio.Runner(loop_factory=variant.loop) as runner:
            driven = runner.run(_drive(variant.transport, options.url, options.rate))
        print(json.dumps([driven.cpu, driven.requests, driven.late, driven.seen]))
        return
    print("| client | load | CPU ms a request | TTFT error p50 / p99 ms | sent late p50 / p99 ms |")
    print("|---|---|--:|--:|--:|")
    for rate, figures in paced_rounds():
        for name, one in figures.items():
            error, late = (f"{middle:.2f} / {most:.2f}" for middle, most in (one.ttft_error, one.late))
            print(f"| {name} | {rate:g} requests/s | {one.cpu:.3f} | {error} | {late} |", flush=True)
    for name, cpu in saturated_rounds().items():
        print(f"| {name} | {STREAMS} streams, as fast as it goes | {cpu:.3f} | – | – |", flush=True)


@contextlib.contextmanager
def server(*flags: str) -> Iterator[str]:
    """A truthful server on the second core; its URL."""
    with truth_server.started(*flags) as (pid, url):
        _pin(pid, 1)
        yield url


async def _drive(transport: Callable[[], httpx.AsyncBaseTransport], url: str, rate: float | None) -> Driven:
    endpoint = Endpoint(url, "bench")
    records: list[RequestRecord] = []
    await _warm(endpoint, transport)
    start = time.monotonic() + 0.5
    client = Client(endpoint, Limits(_CAP, 30.0, 30.0), _SEED, start, records.append, transport=transport())
    before = time.process_time()
    if rate is None:
        loop = ClosedLoop((PlannedRequest(k, 0.0, _PROMPT, _TOKENS, True) for k in count()), STREAMS)
        await client.run((), (loop,), _SECONDS / 2)
    else:
        await client.run(_schedule(rate))
    cpu = time.process_time() - before
    whole = [one for one in records if one.status == "ok" and one.sent is not None]
    late = [one.sent - one.scheduled for one in whole if one.sent is not None]
    seen = (
        [] if rate is None else [(_checksum(endpoint, one), one.sent or 0.0, one.first_token or 0.0) for one in whole]
    )
    return Driven(cpu, len(records), late, seen)


async def _warm(endpoint: Endpoint, transport: Callable[[], httpx.AsyncBaseTransport]) -> None:
    """Everything once, so that no import and no first use is measured."""
    some = (PlannedRequest(-1 - k, 0.01 * k, _PROMPT, _TOKENS, True) for k in range(20))
    limits = Limits(_CAP, 30.0, 30.0)
    await Client(endpoint, limits, _SEED, time.monotonic(), _forget, transport=transport()).run(some)
    gc.collect()


def _forget(_: RequestRecord) -> None:
    """Keep nothing."""


def _schedule(rate: float) -> Iterator[PlannedRequest]:
    rng = Random(_SEED)
    at = 0.0
    for number in count():
        at += rng.expovariate(rate)
        if at >= _SECONDS:
            return
        yield PlannedRequest(number, at, _PROMPT, _TOKENS, True)


def _checksum(endpoint: Endpoint, record: RequestRecord) -> int:
    request = PlannedRequest(record.index, 0.0, _PROMPT, _TOKENS, True)
    return zlib.crc32(content(endpoint, request, messages(request, _SEED)))


def _child(transport: str, url: str, rate: float | None) -> Driven:
    argv = [sys.executable, "-m", "analysis.benchmarks.load_client", "--drive", transport, "--url", url]
    argv += [] if rate is None else ["--rate", str(rate)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        _pin(process.pid, 0)
        output, _ = process.communicate()
    return Driven(*json.loads(output))


def _truth(url: str) -> list[tuple[int, float, float, float]]:
    with urllib.request.urlopen(f"{url}/truth") as answer:
        seen: list[tuple[int, float, float, float]] = json.load(answer)
    return seen


def _pin(pid: int, which: int) -> None:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(pid, {cores[which]})


def _median(repeats: Sequence[Paced]) -> Paced:
    pairs = {
        what: (median(getattr(one, what)[0] for one in repeats), median(getattr(one, what)[1] for one in repeats))
        for what in ("late", "ttft_error")
    }
    return Paced(median(one.cpu for one in repeats), **pairs)


def _installed() -> Sequence[str]:
    return [name for name, variant in VARIANTS.items() if variant.needs is None or find_spec(variant.needs)]


def _quantiles(seconds: Sequence[float]) -> tuple[float, float]:
    middle, most = np.quantile(seconds, (0.5, 0.99)) * 1e3
    return float(middle), float(most)


if __name__ == "__main__":
    main()
