"""The transport by itself: connections kept and not, backpressure, and nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Literal

import httpx
import pytest

import aging.load.http.transport
from aging.core.endpoint import Endpoint
from aging.load.client import Client
from aging.load.http.transport import Transport
from aging.load.schedule.planned_request import ClosedLoop, Fault, PlannedRequest
from tests.conftest import reference_servers
from tests.load.clients import LIMITS
from tests.load.servers import Talk, answering, read_request, talking

OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 29\r\n\r\n{"choices":[{"text":" two"}]}'


def keeping(asked: list[bytes], connections: list[int]) -> Talk:
    """A server that answers one request after the other, and counts its connections."""

    def talk(peer: socket.socket, stop: threading.Event) -> None:
        connections.append(1)
        while request := read_request(peer):
            asked.append(request)
            peer.sendall(OK)

    return talk


@pytest.mark.parametrize(("reuse", "expected"), [(True, 1), (False, 3)])
def test_connections_are_kept_or_not_as_the_runtime_wants(reuse: bool, expected: int) -> None:
    asked: list[bytes] = []
    connections: list[int] = []
    with talking(keeping(asked, connections)) as url:
        endpoint = Endpoint(url, "m", reuse_connections=reuse)
        client = Client(endpoint, LIMITS, 1, time.monotonic(), lambda _: None)
        one_by_one = ClosedLoop((PlannedRequest(k, 0.0, 5, 4, False) for k in range(3)), concurrency=1)
        asyncio.run(client.run((), [one_by_one]))
    assert (len(asked), len(connections)) == (3, expected)
    assert all((b"Connection: close" in request) is not reuse for request in asked)


def test_an_old_connection_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(aging.load.http.transport, "time", SimpleNamespace(monotonic=lambda: now))
    connections: list[int] = []

    async def ask(url: str) -> None:
        nonlocal now
        async with httpx.AsyncClient(transport=Transport(), base_url=url) as http:
            for pause in (0.0, 0.0, 5.0):
                now += pause
                assert (await http.post("/", content=b"x")).status_code == httpx.codes.OK

    with talking(keeping([], connections)) as url:
        asyncio.run(ask(url))
    assert len(connections) == 2


def test_a_connection_that_the_server_has_closed_is_not_used_again() -> None:
    closed = threading.Semaphore(0)

    def talk(peer: socket.socket, stop: threading.Event) -> None:
        read_request(peer)
        peer.sendall(OK)
        peer.shutdown(socket.SHUT_WR)
        closed.release()
        while not stop.is_set() and peer.recv(65536):
            pass

    async def ask(url: str) -> list[int]:
        async with httpx.AsyncClient(transport=Transport(), base_url=url) as http:
            codes = []
            for _ in range(3):
                codes.append((await http.post("/", content=b"x")).status_code)
                await asyncio.to_thread(closed.acquire)
                await asyncio.sleep(0.01)  # the loop takes note of an end that has arrived
            return codes

    with talking(talk) as url:
        assert asyncio.run(ask(url)) == [200, 200, 200]


def test_it_is_a_transport_of_httpx_whose_reader_may_be_slow() -> None:
    """More than the kernel and the transport hold: the server must wait until it is read, and nothing may be lost."""
    body = bytes(range(256)) * 100_000

    async def ask(url: str) -> bytes:
        async with httpx.AsyncClient(transport=Transport()) as http, http.stream("POST", url, content=b"x") as response:
            await asyncio.sleep(0.2)
            return b"".join([piece async for piece in response.aiter_raw()])

    with talking(answering(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))) as url:
        assert asyncio.run(ask(url)) == body


@pytest.fixture(scope="module")
def quick() -> Iterator[str]:
    with reference_servers() as start:
        yield start("--token-seconds", "0.002")


@pytest.mark.parametrize("fault", ["", "abort", "timeout", "disconnect", "probe"])
@pytest.mark.parametrize("reuse", [True, False])
def test_nothing_is_left_for_the_garbage_collector(quick: str, fault: Fault | Literal[""], reuse: bool) -> None:
    """Cyclic garbage is what makes a client grow by fragments for days. Asyncio leaves a little of every connection."""
    endpoint = Endpoint(quick, "m", reuse_connections=reuse)
    connections = 40 if reuse and fault in ("", "timeout") else 100

    async def drive(count: int) -> None:
        planned = (PlannedRequest(k, 0.004 * k, 5, 8, k % 3 > 0, fault=fault) for k in range(count))
        limits = replace(LIMITS, concurrency_cap=connections)  # a slow host has more requests in flight
        await Client(endpoint, limits, 1, time.monotonic(), lambda _: None).run(planned)

    async def garbage(count: int) -> int:
        await drive(20)
        gc.collect()
        gc.disable()
        try:
            await drive(count)
            return gc.collect()
        finally:
            gc.enable()

    assert asyncio.run(garbage(100)) < 50 + 8 * connections


def test_a_huge_request_is_sent_as_it_is_taken_and_delays_no_other() -> None:
    """16 MiB to a server that reads them when a quick exchange has ended: whole when it arrives."""
    body = bytes(range(256)) * 65_536
    received: list[bytes] = []
    read = threading.Event()

    def slowly(peer: socket.socket, stop: threading.Event) -> None:
        read.wait(30.0)
        while request := read_request(peer):
            received.append(request.partition(b"\r\n\r\n")[2])
            peer.sendall(OK)

    async def ask(slow: str, quick: str) -> tuple[int, int]:
        async with httpx.AsyncClient(transport=Transport()) as http:
            huge = asyncio.create_task(http.post(slow, content=body))
            await asyncio.sleep(0.1)
            await http.post(quick, content=b"x")
            assert not huge.done()
            read.set()
            return (await huge).status_code, (await http.post(slow, content=b"again")).status_code

    with talking(slowly) as slow, talking(answering(OK)) as quick:
        assert asyncio.run(ask(slow, quick)) == (200, 200)
    assert received == [body, b"again"]
