"""The HTTP server by real sockets on loopback: answers, limits, streams."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

import aging.core.web
from aging.core.web import Address, EventStream, ListenError, Request, Response, Web, by_path, server_sent_event

LOOPBACK = Address("127.0.0.1", 0)


def answered(web: Web, *sent: bytes) -> list[bytes]:
    """What the server answers to each of these, each on a connection of its own."""

    async def ask() -> list[bytes]:
        await web.start(LOOPBACK)
        try:
            return [await exchange(web.port, one) for one in sent]
        finally:
            await web.close()

    return asyncio.run(ask())


async def exchange(port: int | None, sent: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    with contextlib.suppress(ConnectionError):
        await writer.drain()
    answer = b""
    with contextlib.suppress(ConnectionError):
        answer = await reader.read()
    writer.close()
    return answer


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - the server says nothing of its connections
        await asyncio.sleep(0.005)


def hello() -> Web:
    return Web(by_path({"/hello": lambda: Response.of(200, "hello\n", headers={"X-More": "1"})}))


class TestAnswers:
    def test_get_and_head(self) -> None:
        got, head = answered(hello(), b"GET /hello?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", b"HEAD /hello HTTP/1.1\r\n\r\n")
        assert got.startswith(b"HTTP/1.1 200 ")
        assert b"\r\nX-More: 1\r\n" in got
        assert got.endswith(b"\r\n\r\nhello\n")
        assert b"Content-Length: 6\r\n" in head
        assert head.endswith(b"\r\n\r\n")

    @pytest.mark.parametrize(
        ("sent", "status"),
        [
            (b"POST /hello HTTP/1.1\r\n\r\n", 405),
            (b"DELETE / HTTP/1.1\r\n\r\n", 405),
            (b"GET /other HTTP/1.1\r\n\r\n", 404),
            (b"GET http://elsewhere/ HTTP/1.1\r\n\r\n", 400),
            (b"GET /hello\r\n\r\n", 400),
            (b"nonsense\r\n\r\n", 400),
            (b"\x16\x03\x01\x02\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nno field\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 40 + b"\r\n", 400),
            (b"GET /?" + b"&".join(b"a=1" for _ in range(40)) + b" HTTP/1.1\r\n\r\n", 400),
            (b"GET /hello HTTP/1.1\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", 431),
        ],
    )
    def test_refused(self, sent: bytes, status: int) -> None:
        assert answered(hello(), sent)[0].startswith(f"HTTP/1.1 {status} ".encode())

    def test_what_cannot_be_encoded(self) -> None:
        web = Web(by_path({"/": lambda: Response.of(200, "\ud800 & ü")}))
        assert answered(web, b"GET / HTTP/1.1\r\n\r\n")[0].endswith("? & ü".encode())

    def test_path_and_query_are_decoded(self) -> None:
        seen: list[Request] = []

        def handle(request: Request) -> Response:
            seen.append(request)
            return Response.of(200, "")

        answered(Web(handle), b"GET /a%20b?c=%3Cd%3E&e= HTTP/1.1\r\nX-Y:  z \r\n\r\n")
        assert seen == [Request("GET", "/a b", {"c": "<d>", "e": ""}, {"x-y": "z"})]


class TestClients:
    def test_a_client_that_says_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(aging.core.web, "_HEAD_SECONDS", 0.05)
        assert answered(hello(), b"GET /hello HTTP/1.1\r\n") == [b""]

    def test_too_many(self) -> None:
        async def ask() -> bytes:
            web = Web(by_path({}), most_clients=1)
            await web.start(LOOPBACK)
            _, first = await asyncio.open_connection("127.0.0.1", web.port)
            await until(lambda: web.clients == 1)
            second = await exchange(web.port, b"GET / HTTP/1.1\r\n\r\n")
            first.close()
            await web.close()
            return second

        assert asyncio.run(ask()) == b""

    def test_a_port_in_use(self) -> None:
        async def twice() -> str:
            first, second = hello(), hello()
            await first.start(LOOPBACK)
            with pytest.raises(ListenError) as error:
                await second.start(Address("127.0.0.1", first.port or 0))
            await first.close()
            return f"{first.port} {error.value}"

        port, _, message = asyncio.run(twice()).partition(" ")
        assert port in message


class TestStreams:
    def test_events_until_the_client_leaves(self) -> None:
        ended: list[str] = []

        async def events() -> AsyncIterator[bytes]:
            try:
                yield server_sent_event("first", "a\nb")
                await asyncio.Event().wait()
            finally:
                ended.append("ended")

        async def ask() -> bytes:
            web = Web(lambda _: EventStream(events()))
            await web.start(LOOPBACK)
            reader, writer = await asyncio.open_connection("127.0.0.1", web.port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            got = await reader.readuntil(b"data: b\n\n")
            writer.close()
            await until(lambda: web.clients == 0)
            await web.close()
            return got

        got = asyncio.run(ask())
        assert b"Content-Type: text/event-stream\r\n" in got
        assert got.endswith(b"event: first\ndata: a\ndata: b\n\n")
        assert ended == ["ended"]

    def test_a_client_that_does_not_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(aging.core.web, "_WRITE_SECONDS", 0.05)

        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 1_000_000

        async def ask() -> None:
            web = Web(lambda _: EventStream(endless()))
            await web.start(LOOPBACK)
            _, writer = await asyncio.open_connection("127.0.0.1", web.port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await until(lambda: web.clients > 0)
            await until(lambda: web.clients == 0)
            writer.close()
            await web.close()

        asyncio.run(ask())


@pytest.mark.parametrize(
    ("text", "host", "port"), [("127.0.0.1:80", "127.0.0.1", 80), ("[::1]:0", "::1", 0), ("host:65535", "host", 65535)]
)
def test_addresses(text: str, host: str, port: int) -> None:
    assert Address.of(text) == Address(host, port)
    assert str(Address.of(text)) == text


@pytest.mark.parametrize("text", ["", "80", ":80", "host", "host:", "host:x", "host:65536", "host:-1", "host:²"])
def test_no_addresses(text: str) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        Address.of(text)
