"""One request over HTTP: sent, timed, and judged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx

from aging.deployments import Endpoint
from aging.load.bodies import content, path
from aging.load.planned import PlannedRequest
from aging.load.sse import StreamedAnswer, choices, completion_tokens, generated_tokens


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; times in monotonic seconds. ``error`` is None for a whole, well-formed answer."""

    http_status: int | None = None
    first_token: float | None = None
    last_token: float | None = None
    tokens: int | None = None
    error: str | None = None


async def send(
    http: httpx.AsyncClient, endpoint: Endpoint, request: PlannedRequest, messages: Sequence[str], patience: float
) -> Answer:
    """Send one request and read its whole answer. Every failure of the exchange is an ``Answer`` with an error."""
    asked = content(endpoint, request, messages)
    headers = {"Content-Type": "application/json"} | ({} if endpoint.reuse_connections else {"Connection": "close"})
    answer = Answer()
    try:
        # httpx's timeout is one read's: a server that drips would never meet it.
        async with (
            asyncio.timeout(patience),
            http.stream("POST", path(endpoint, request), content=asked, headers=headers, timeout=patience) as response,
        ):
            answer = replace(answer, http_status=response.status_code)
            if response.status_code != httpx.codes.OK:
                text = (await response.aread()).decode(errors="replace")
                return replace(answer, error=f"HTTP {response.status_code}: {text[:200]}")
            if request.streaming:
                return await _read_stream(response, answer)
            return _read_whole(await _json(response), answer)
    except TimeoutError:
        return replace(answer, error=f"not answered within {patience:g} s")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return replace(answer, error=f"{type(error).__name__}: {error}"[:200])


async def _read_stream(response: httpx.Response, answer: Answer) -> Answer:
    stream = StreamedAnswer()
    async for line in response.aiter_lines():
        stream.feed(line, time.monotonic())
    error = stream.error or (None if stream.ended else "the stream ended without its end marker")
    if error is None and stream.tokens == 0:
        error = "the stream held no token"
    return replace(
        answer, first_token=stream.first_token, last_token=stream.last_token, tokens=stream.tokens, error=error
    )


async def _json(response: httpx.Response) -> Mapping[str, Any] | None:
    await response.aread()
    try:
        whole = response.json()
    except ValueError:
        return None
    return whole if isinstance(whole, dict) else None


def _read_whole(whole: Mapping[str, Any] | None, answer: Answer) -> Answer:
    if whole is not None and isinstance(whole.get("text_output"), str):
        return replace(answer, last_token=time.monotonic(), tokens=generated_tokens(whole))
    if whole is None or not choices(whole):
        return replace(answer, error="the answer is not a completion")
    return replace(answer, last_token=time.monotonic(), tokens=completion_tokens(whole))
