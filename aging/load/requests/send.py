"""One request over HTTP: sent, timed, and judged."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from aging.core import http
from aging.core.endpoint import Endpoint
from aging.core.records import Failure, Status
from aging.load.http.answer import CompletionReading, Reading, read_into
from aging.load.http.plain_answer import PlainReading
from aging.load.http.response_parser import TooLongError, TruncatedError
from aging.load.requests.client_faults import impatience, outcome, probe
from aging.load.requests.expectation import expectation
from aging.load.requests.outgoing import Outgoing
from aging.load.schedule.planned_request import PlannedRequest

_WORDS = 200
"""Most characters of an error that are recorded."""

_FAILURES: tuple[tuple[type[Exception], Failure], ...] = (
    (http.ConnectError, "connect"),
    (http.InvalidURL, "connect"),
    (TooLongError, "too-long"),
    (TruncatedError, "truncated"),
    (http.NetworkError, "reset"),
    (http.TimeoutException, "timeout"),
    (http.TransportError, "garbage"),
)
"""The failure that an exception of the transport means; the first match counts."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a request; times in monotonic seconds. ``failure`` and ``error`` are None but for errors."""

    status: Status = "ok"
    http_status: int | None = None
    first_token: float | None = None
    last_token: float | None = None
    tokens: int | None = None
    counted: bool = False
    itl_p50: float | None = None
    itl_p99: float | None = None
    stall: float | None = None
    failure: Failure | None = None
    error: str | None = None


async def send(
    transport: http.AsyncBaseTransport, endpoint: Endpoint, request: PlannedRequest, message: Outgoing, patience: float
) -> Answer:
    """Send one request and read its whole answer, or as much as its fault wants.

    Returns an ``Answer`` within ``patience`` seconds, whatever the server does.
    """
    reading = _reading(endpoint, request, message)
    leaves_after = impatience(request)
    try:
        async with asyncio.timeout(patience if leaves_after is None else min(leaves_after, patience)):
            await _exchange(transport, endpoint, request, message, reading)
    except TimeoutError:
        if leaves_after is None:
            reading.fail("timeout", f"not answered within {patience:g} s")
        else:
            reading.left = True
    except (http.TransportError, http.InvalidURL) as error:
        reading.fail(_failure(error), f"{type(error).__name__}: {error}")
    return _judged(request, reading)


def _reading(endpoint: Endpoint, request: PlannedRequest, message: Outgoing) -> Reading:
    if message.expect is not None:
        return PlainReading(request, message.expect)
    return CompletionReading(request, lambda: expectation(endpoint, request, message.content))


async def _exchange(
    transport: http.AsyncBaseTransport,
    endpoint: Endpoint,
    request: PlannedRequest,
    message: Outgoing,
    reading: Reading,
) -> None:
    url = _url(endpoint.base_url, "" if message.expect is not None else message.path)
    if request.fault == "probe":
        try:
            await probe(url)
        except (OSError, UnicodeError) as error:
            raise http.ConnectError(str(error)) from None
        reading.left = True
        return
    headers = message.headers
    if not endpoint.reuse_connections:
        headers = {**headers, "Connection": "close"}
    if endpoint.answers == "reference":  # its log has the id, so that what it served can be compared with what came
        headers = {**headers, "X-Request-Id": str(request.number)}
    asked = http.Request(message.method, url, headers=headers, content=message.content)
    if message.expect is not None:  # a URL of its own for each request would take 0.1 ms before it is sent
        asked.extensions["target"] = url.raw_path.rstrip(b"/") + message.path.encode("ascii")
    response = await transport.handle_async_request(asked)
    assert isinstance(response.stream, http.AsyncByteStream)
    try:
        if reading.begin(response):
            await read_into(response.stream, reading.take)
            reading.end()
    finally:
        await response.stream.aclose()


@lru_cache(maxsize=16)
def _url(base_url: str, path: str) -> http.URL:
    return http.URL(base_url.rstrip("/") + path)


def _failure(error: Exception) -> Failure:
    return next(failure for kind, failure in _FAILURES if isinstance(error, kind))


def _judged(request: PlannedRequest, reading: Reading) -> Answer:
    status = outcome(request, reading.failure, reading.http_status, left=reading.left)
    problem: dict[str, Any] = {}
    if status == "error":
        problem = {"failure": reading.failure, "error": (reading.error or "")[:_WORDS]}
    return Answer(status=status, http_status=reading.http_status, **reading.measured(), **problem)
