"""The client against a server in memory, in virtual time."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

import httpx
import pytest

from aging.core.endpoint import Endpoint
from aging.core.records import RequestRecord
from aging.load.client import Client, Limits
from aging.load.requests.written import WrittenRequest
from aging.load.schedule.planned_request import ClosedLoop, PlannedRequest
from tests import virtual_time

LOAD_START = virtual_time.START + 1.0


class Served(httpx.AsyncBaseTransport):
    """A server in memory: its first token after ``ttft`` seconds, the others ``gap`` seconds apart; ``tokens`` of them.

    Without ``tokens`` it sends comments for ever.
    """

    def __init__(self, ttft: float = 0.0, gap: float = 0.0, tokens: int | None = 4) -> None:
        self._ttft, self._gap, self._tokens = ttft, gap, tokens

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        streaming = b'"stream":true' in request.content.replace(b" ", b"")
        if not streaming:
            await asyncio.sleep(self._ttft)
            return httpx.Response(200, json={"choices": [{"text": " a"}], "usage": {"completion_tokens": 1}})
        stream = _Stream(self._pieces())
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=stream)

    async def _pieces(self) -> AsyncIterator[bytes]:
        await asyncio.sleep(self._ttft)
        while self._tokens is None:
            yield b": ping\n\n"
            await asyncio.sleep(self._gap)
        for _ in range(self._tokens):
            yield b'data: {"choices":[{"text":" a","finish_reason":null}]}\n\n'
            await asyncio.sleep(self._gap)
        yield b"data: [DONE]\n\n"


class _Stream(httpx.AsyncByteStream):
    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces


Script = Callable[[Client], Coroutine[Any, Any, None]]


def drive(
    server: httpx.AsyncBaseTransport,
    planned: Sequence[PlannedRequest],
    limits: Limits,
    script: Script | None = None,
    *,
    closed: Sequence[ClosedLoop] = (),
    duration: float = math.inf,
    written: Sequence[WrittenRequest] = (),
) -> list[RequestRecord]:
    """Drive a server in memory with a schedule that begins at ``LOAD_START``; ``script`` steers the client.

    Closed loops go on for ``duration``.
    """
    records: list[RequestRecord] = []

    async def run() -> None:
        endpoint = Endpoint("http://server", "m")
        client = Client(endpoint, limits, 1, LOAD_START, records.append, transport=server, written=written)
        steering = asyncio.create_task(script(client)) if script else None
        await client.run(planned, closed, duration)
        if steering is not None:
            await steering

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "platform", "elsewhere")  # the kernel's timers know real time only
        virtual_time.run(run())
    return sorted(records, key=lambda record: record.index)
