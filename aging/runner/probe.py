"""Proves a server ready: it completes a request. Warms it up, with requests like those of its load.

Imported where requests are sent, which an observation never does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from aging.campaign.schema import LoadTable
from aging.core.endpoint import Endpoint
from aging.core.processes.child import ServerProcess
from aging.load.http.transport import Transport
from aging.load.job import Job
from aging.load.requests.outgoing import Outgoing, completion, outgoing
from aging.load.requests.send import Answer, send
from aging.load.schedule.classes import classes_of
from aging.load.schedule.planned_request import PlannedRequest

_PROBE = PlannedRequest(number=-1, at=0.0, prompt_tokens=4, output_tokens=2, streaming=True)
_PROBE_TIMEOUT_SECONDS = 30.0
_PROBE_PAUSE_SECONDS = 0.1


_BATCH = 20
_STEADY_RATIO = 1.25
_AT_ONCE = 4
_MOST_TOKENS = 32
"""Asked for by a request of a warm-up: what is slow at first is slow in the first tokens."""


@dataclass(frozen=True, slots=True)
class WarmUp:
    """How a warm-up went: its requests and seconds, the p99 of the time to the first token in its last batch.

    ``steady``: it was at most 1.25 times, and at least 0.8 times, that of the batch before.
    """

    requests: int
    seconds: float
    ttft_p99: float | None
    steady: bool


async def warm_up(endpoint: Endpoint, job: Job, within: float) -> WarmUp:
    """Send requests of the job's lengths until their p99 is steady, or for ``within`` seconds.

    Every batch has the same lengths, so that two of them can be compared, and prompts of its own, so that a cache of
    prefixes does not make the second one fast.
    """
    began, number, before, last = time.monotonic(), 0, None, None
    batch, written = _batch(job), job.written()
    async with Transport() as transport:

        async def latency(request: PlannedRequest) -> float:
            asked = outgoing(endpoint, request, job.seed, written)
            sent = time.monotonic()
            answer = await send(transport, endpoint, request, asked, job.load.timeout)
            return (answer.first_token or time.monotonic()) - sent

        try:
            async with asyncio.timeout(within):
                while batch and (before is None or last is None or not _steady(before, last)):
                    latencies: list[float] = []
                    for at in range(0, len(batch), _AT_ONCE):
                        part = [one._replace(number=-2 - number - k) for k, one in enumerate(batch[at : at + _AT_ONCE])]
                        latencies += await asyncio.gather(*map(latency, part))
                        number += len(part)
                    before, last = last, sorted(latencies)[int(0.99 * (len(latencies) - 1))]
        except TimeoutError:
            pass
    steady = before is not None and last is not None and _steady(before, last)
    return WarmUp(number, time.monotonic() - began, last, steady)


def _batch(job: Job) -> Sequence[PlannedRequest]:
    """Requests of the load, without those that are impolite, and as short as a first token needs."""
    sources = [job.requests(), *(loop.requests for loop in job.closed())]
    polite = (one for source in sources for one in islice(source, _BATCH) if not one.fault)
    return [
        one._replace(output_tokens=min(one.output_tokens, _MOST_TOKENS), session=-1) for one in islice(polite, _BATCH)
    ]


def _steady(before: float, last: float) -> bool:
    return last <= _STEADY_RATIO * before and before <= _STEADY_RATIO * last


async def last_refusal(
    life: ServerProcess, endpoint: Endpoint, started: float, within: float, load: LoadTable | None = None
) -> str | None:
    """None once the server has answered; else its last answer, ``within`` seconds after monotonic time ``started``.

    It is asked for a completion, or sent the first plain request of a ``load`` that has no other requests.
    Raises ProcessLookupError if the server ends before.
    """
    last = "no request was answered"
    request, asked = _proof(endpoint, load)
    async with Transport() as transport:
        while life.trees:
            left = max(started + within - time.monotonic(), 0.1)
            patience = min(_PROBE_TIMEOUT_SECONDS, left)
            answer = await _answer_or_end(life, send(transport, endpoint, request, asked, patience))
            if answer is None:  # another process on its port may accept the request and never answer
                break
            if answer.error is None and await asyncio.to_thread(life.serves):
                return None
            at = urlsplit(endpoint.base_url)
            last = _refusal(asked, answer, at.netloc) or f"Port {at.port} is in use by another process."
            if time.monotonic() - started > within:
                return last
            await asyncio.sleep(_PROBE_PAUSE_SECONDS)
    raise ProcessLookupError


def _refusal(asked: Outgoing, answer: Answer, address: str) -> str | None:
    """What is wrong with an answer; None if nothing is. An unexpected status may be a mistake of the campaign."""
    if answer.failure == "connect":
        return f"nothing accepts connections at {address}"
    if asked.expect is None or answer.failure not in ("http", "redirect"):
        return answer.error
    right = "if that is right, say so with =STATUS after --request, or `expect` in the file"
    return f"{asked.method} {asked.path} was answered with {answer.error} ({right})"


def _proof(endpoint: Endpoint, load: LoadTable | None) -> tuple[PlannedRequest, Outgoing]:
    """The request that proves a server ready."""
    if load is not None and load.plain:
        first = classes_of(load)[0]
        request = _PROBE._replace(load_class=first.name, written=0)
        return request, outgoing(endpoint, request, 0, first.written)
    return _PROBE, completion(endpoint, _PROBE, (" a b c d",))


async def _answer_or_end(life: ServerProcess, answering: Coroutine[Any, Any, Answer]) -> Answer | None:
    """The answer; None if the process ends first."""
    answer, end = asyncio.create_task(answering), asyncio.create_task(life.wait())
    try:
        await asyncio.wait({answer, end}, return_when=asyncio.FIRST_COMPLETED)
        return answer.result() if answer.done() else None
    finally:
        for task in (answer, end):
            task.cancel()
        await asyncio.gather(answer, end, return_exceptions=True)
