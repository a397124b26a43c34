"""Proves a server ready: it completes a request. Imported where requests are sent, which an observation never does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any
from urllib.parse import urlsplit

from aging.core.endpoint import Endpoint
from aging.core.processes.child import ServerProcess
from aging.load.http.transport import Transport
from aging.load.requests.bodies import content
from aging.load.requests.send import Answer, send
from aging.load.schedule.planned_request import PlannedRequest

_PROBE = PlannedRequest(number=-1, at=0.0, prompt_tokens=4, output_tokens=2, streaming=True)
_PROBE_TIMEOUT_SECONDS = 30.0
_PROBE_PAUSE_SECONDS = 0.1


async def last_refusal(life: ServerProcess, endpoint: Endpoint, started: float, within: float) -> str | None:
    """None once the server has answered; else its last answer, ``within`` seconds after monotonic time ``started``.

    Raises ProcessLookupError if the server ends before.
    """
    last = "no request was answered"
    asked = content(endpoint, _PROBE, (" a b c d",))
    async with Transport() as transport:
        while life.trees:
            left = max(started + within - time.monotonic(), 0.1)
            patience = min(_PROBE_TIMEOUT_SECONDS, left)
            answer = await _answer_or_end(life, send(transport, endpoint, _PROBE, asked, patience))
            if answer is None:  # another process on its port may accept the request and never answer
                break
            if answer.error is None and await asyncio.to_thread(life.serves):
                return None
            last = answer.error or f"Port {urlsplit(endpoint.base_url).port} is in use by another process."
            if time.monotonic() - started > within:
                return last
            await asyncio.sleep(_PROBE_PAUSE_SECONDS)
    raise ProcessLookupError


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
