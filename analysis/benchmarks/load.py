"""What a request costs the load client, and how late it is sent, against bare httpx and bare asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import accumulate, islice, takewhile
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory

import httpx
import numpy as np
import psutil

from aging.core.endpoint import Endpoint
from aging.deployments.reference_server.completions import Events, parse
from aging.load.http.sse import StreamedAnswer
from aging.load.job import Job, load_table
from aging.load.requests.bodies import body, content
from aging.load.requests.expectation import expectation
from aging.load.requests.prompts import messages
from aging.load.schedule.planned_request import PlannedRequest
from aging.store.reader import read_rows
from analysis.benchmarks.figures import Line

_RATE = 50.0
_LOAD_SECONDS = 10.0
_LOAD_REPEATS = 5
_VERIFIED_TOKENS, _VERIFIED_REPEATS = 200, 200
_BARE_SECONDS = 4.0
_BARE_REQUESTS = 200


def load_client() -> Iterator[Line]:
    """The load client at a Poisson load: its CPU, against bare httpx, and its lateness, against bare asyncio."""
    costs, bare_costs, late, bare_late = [], [], [], []
    with _reference_server() as url, TemporaryDirectory() as folder:
        for repeat in range(_LOAD_REPEATS):
            job = _job(url, repeat, Path(folder) / str(repeat))
            cost, lateness = _drive(job)
            costs.append(cost * 1e3)
            late.append(np.quantile(lateness, (0.5, 0.99)) * 1e3)
            bare_costs.append(_bare_httpx(job) * 1e3)
            bare_late.append(np.quantile(asyncio.run(_bare_asyncio(repeat)), (0.5, 0.99)) * 1e3)
    what = f"load client at {_RATE:g} requests/s, Poisson"
    cost, bare = median(costs), median(bare_costs)
    yield Line(f"{what}: CPU", cost, "ms a request", cost / bare, f"bare httpx, one at a time ({bare:.3g} ms)")
    for which, quantile in enumerate(("p50", "p99")):
        lateness = median(each[which] for each in late)
        bare = median(each[which] for each in bare_late)
        to = f"bare asyncio.sleep ({bare:.3g} ms)"
        yield Line(f"{what}: sent late, {quantile}", lateness, "ms", lateness / bare, to)


def verification() -> Iterator[Line]:
    """What it takes to parse a token of a stream, and to verify it against the answer of the reference server."""
    endpoint = Endpoint("http://127.0.0.1:1", "reference", answers="reference")
    request = PlannedRequest(0, 0.0, 200, _VERIFIED_TOKENS, True)
    written = content(endpoint, request, messages(request, 1))
    asked = parse(written, chat=False)
    events = Events(asked, 0)
    pieces = [events.token(index) for index in range(asked.output_tokens)]

    def read(*, verified: bool) -> float:
        began = time.process_time()
        stream = StreamedAnswer()
        due = expectation(endpoint, request, written) if verified else None
        stream.verify = None if due is None else due.take
        for piece in pieces:
            stream.feed(piece, 0.0)
        assert stream.failure is None
        assert stream.tokens == asked.output_tokens
        return (time.process_time() - began) / asked.output_tokens * 1e6

    both = [(read(verified=True), read(verified=False)) for _ in range(_VERIFIED_REPEATS)]
    verified, plain = (median(times) for times in zip(*both, strict=True))
    to = f"unverified ({plain:.3g} µs)"
    yield Line("token of a stream, parsed and verified: CPU", verified, "µs a token", verified / plain, to)


@contextlib.contextmanager
def _reference_server() -> Iterator[str]:
    argv = (sys.executable, "-m", "aging.deployments.reference_server", "--port", "0")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


def _job(url: str, seed: int, folder: Path) -> Job:
    load = load_table(
        {
            "arrivals": {"kind": "poisson", "rate": _RATE},
            "prompt_tokens": {"median": 48, "p95": 96, "min": 8, "max": 192},
            "output_tokens": {"median": 12, "p95": 24, "min": 4, "max": 48},
        }
    )
    return Job(Endpoint(url, "reference"), load, None, seed, _LOAD_SECONDS, 0.0, folder)


def _drive(job: Job) -> tuple[float, np.ndarray]:
    """CPU seconds a request of one load process, rehearsal not counted, and how late each request was sent."""
    argv = (sys.executable, "-m", "aging.load")
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdout.readline()  # "started": rehearsed, and ready for its job
        process = psutil.Process(client.pid)
        before = process.cpu_times()
        job = Job(job.endpoint, job.load, job.rate, job.seed, job.duration, time.monotonic() + 1.0, job.folder)
        client.stdin.write(job.to_json() + "\n")
        client.stdin.flush()
        while json.loads(client.stdout.readline())["event"] != "finished":
            pass  # a beat every second
        after = process.cpu_times()
    requests = read_rows(job.folder).table.to_pandas()
    assert (requests["status"] == "ok").all()
    cpu = after.user + after.system - before.user - before.system
    return cpu / len(requests), (requests["sent"] - requests["scheduled"]).to_numpy()


def _bare_httpx(job: Job) -> float:
    """CPU seconds a request when the same requests are sent one after the other and their answers only read."""
    requests = list(islice(job.requests(), _BARE_REQUESTS))
    asked = [body(job.endpoint, request, messages(request, job.seed)) for request in requests]
    with httpx.Client(base_url=job.endpoint.base_url, trust_env=False) as http:
        began = time.process_time()
        for each in asked:
            with http.stream("POST", job.endpoint.path, json=each) as response:
                for _ in response.iter_lines():
                    pass
        return (time.process_time() - began) / len(requests)


async def _bare_asyncio(seed: int) -> list[float]:
    """How late ``asyncio.sleep`` wakes at such arrivals."""
    rng = Random(seed)
    gaps = iter(lambda: rng.expovariate(_RATE), None)
    late = []
    began = time.monotonic()
    for at in takewhile(lambda at: at < _BARE_SECONDS, accumulate(gaps)):
        await asyncio.sleep(began + at - time.monotonic())
        late.append(time.monotonic() - began - at)
    return late
