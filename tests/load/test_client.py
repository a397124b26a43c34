"""The open-loop client against real servers: the reference server, and small hostile ones."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from aging.load.client import Client
from tests.load import virtual
from tests.load.clients import LIMITS, drive, requests


@contextlib.contextmanager
def raw_server(answer: bytes, *, linger: float = 0.0) -> Iterator[str]:
    """A server that reads a request, sends ``answer`` and closes after ``linger`` seconds."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError, ConnectionError):
                    peer, _ = listener.accept()
                    with peer:
                        peer.settimeout(1.0)
                        peer.recv(65536)
                        peer.sendall(answer)
                        stop.wait(linger)
                        peer.shutdown(socket.SHUT_WR)
                        while peer.recv(65536):  # closing on unread bytes would reset the connection
                            pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            stop.set()
            thread.join()


@pytest.fixture
def dripping() -> Iterator[str]:
    """A server that sends a comment every tenth of a second and never ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError, ConnectionError):
                    peer, _ = listener.accept()
                    with peer:
                        peer.recv(65536)
                        peer.sendall(head("text/event-stream"))
                        while not stop.wait(0.1):
                            peer.sendall(b": ping\n\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        stop.set()
        thread.join()


def head(kind: str, length: int | None = None, status: str = "200 OK") -> bytes:
    size = "" if length is None else f"Content-Length: {length}\r\n"
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{size}Connection: close\r\n\r\n".encode()


@pytest.mark.parametrize("streaming", [True, False])
def test_every_request_becomes_a_record_with_its_times_in_order(plain_server: str, streaming: bool) -> None:
    records = drive(plain_server, requests(20, 0.02, streaming=streaming))
    assert [record.index for record in records] == list(range(20))
    for record in records:
        assert (record.status, record.http_status, record.output_tokens) == ("ok", 200, 4)
        assert record.sent is not None
        assert record.last_token is not None
        assert record.scheduled <= record.sent <= record.last_token <= record.finished
        if streaming:
            assert record.first_token is not None
            assert record.sent < record.first_token <= record.last_token
        else:
            assert record.first_token is None


def test_a_slow_server_does_not_slow_its_load() -> None:
    records = virtual.drive(virtual.Served(ttft=0.5), requests(30, 0.02), LIMITS)
    assert [record.sent for record in records] == pytest.approx([record.scheduled for record in records], abs=1e-6)


def test_arrivals_over_the_cap_are_dropped_recorded_and_never_sent() -> None:
    records = virtual.drive(virtual.Served(ttft=2.0), requests(10, 0.01), replace(LIMITS, concurrency_cap=3))
    assert [record.status for record in records] == 3 * ["ok"] + 7 * ["dropped"]
    assert all(record.sent is None for record in records[3:])


def test_a_stream_without_its_end_marker_is_an_error() -> None:
    chunk = b'data: {"choices": [{"text": "a", "finish_reason": null}]}\n\n'
    with raw_server(head("text/event-stream") + chunk) as url:
        (record,) = drive(url, requests(1, 0.0))
    assert (record.status, record.http_status, record.output_tokens) == ("error", 200, 1)
    assert record.error == "the stream ended without its end marker"


def test_a_stream_cut_in_the_middle_of_a_chunk_is_an_error() -> None:
    with raw_server(head("text/event-stream", length=5000) + b'data: {"choices"') as url:
        (record,) = drive(url, requests(1, 0.0))
    assert (record.status, record.failure) == ("error", "truncated")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (head("application/json", 2) + b"{}", "not a completion"),
        (head("application/json", 3) + b"{{{", "not a completion"),
        (head("application/json", 15) + b'{"choices":[5]}', "not a completion"),
        (head("text/plain", 4, "503 Busy") + b"full", "HTTP 503: full"),
        (b"nonsense\r\n\r\n", "not HTTP"),
    ],
)
def test_malformed_answers_are_errors(answer: bytes, expected: str) -> None:
    with raw_server(answer) as url:
        (record,) = drive(url, requests(1, 0.0, streaming=False))
    assert record.status == "error"
    assert expected in (record.error or "")


def test_a_server_that_is_not_there_is_an_error(free_port: Callable[[], int]) -> None:
    (record,) = drive(f"http://127.0.0.1:{free_port()}", requests(1, 0.0))
    assert (record.status, record.failure) == ("error", "connect")


def test_a_server_that_hangs_is_a_timeout() -> None:
    with raw_server(b"", linger=3.0) as url:
        (record,) = drive(url, requests(1, 0.0), replace(LIMITS, timeout=0.3))
    assert (record.status, record.failure, record.error) == ("error", "timeout", "not answered within 0.3 s")


def test_a_server_that_drips_meets_the_timeout_all_the_same(dripping: str) -> None:
    (record,) = drive(dripping, requests(1, 0.0), replace(LIMITS, timeout=0.5))
    assert (record.status, record.error) == ("error", "not answered within 0.5 s")


@pytest.mark.parametrize("server", [virtual.Served(ttft=60.0), virtual.Served(gap=0.1, tokens=None)])
def test_the_timeout_is_that_of_the_whole_exchange(server: virtual.Served) -> None:
    (record,) = virtual.drive(server, requests(1, 0.0), replace(LIMITS, timeout=0.35))
    assert record.failure == "timeout"
    assert record.finished - record.scheduled == pytest.approx(0.35)


def test_requests_in_flight_at_the_end_are_drained_but_not_for_ever() -> None:
    with raw_server(b"", linger=3.0) as url:
        (record,) = drive(url, requests(1, 0.0), replace(LIMITS, drain=0.3))
    assert (record.status, record.error) == ("error", "not finished when the run ended")


def test_arrivals_wait_while_held_and_are_all_sent() -> None:
    silent: list[float] = []

    async def restart(client: Client) -> None:
        await asyncio.sleep(virtual.LOAD_START + 0.21 - time.monotonic())
        client.hold()
        await client.drained()
        silent.append(time.monotonic())
        await asyncio.sleep(0.5)
        silent.append(time.monotonic())
        client.release(2)

    records = virtual.drive(virtual.Served(ttft=0.05), requests(60, 0.02), LIMITS, restart)
    assert silent == pytest.approx([virtual.LOAD_START + 0.25, virtual.LOAD_START + 0.75])
    assert len(records) == 60
    assert {record.status for record in records} == {"ok"}
    held = [record for record in records if record.held]
    assert [record.index for record in held] == list(range(11, 38))  # those due while it was held
    assert [record.sent for record in held] == pytest.approx(len(held) * [silent[1]])
    assert [record.index for record in records if record.generation == 2] == list(range(11, 60))
    assert all(record.sent == pytest.approx(record.scheduled) for record in records if not record.held)


def test_a_burst_after_a_hold_drops_no_arrival() -> None:
    async def restart(client: Client) -> None:
        await asyncio.sleep(virtual.LOAD_START + 0.2 - time.monotonic())
        client.hold()
        await client.drained()
        await asyncio.sleep(1.0)
        client.release(2)

    limits = replace(LIMITS, concurrency_cap=10)
    records = virtual.drive(virtual.Served(ttft=0.1), requests(200, 0.02), limits, restart)
    assert {record.status for record in records} == {"ok"}
    assert len(records) == 200
    assert not records[-1].held, "it has caught up"


def test_a_redirected_client_records_who_answered() -> None:
    left: list[int] = []

    async def redirect(client: Client) -> None:
        await asyncio.sleep(virtual.LOAD_START + 0.51 - time.monotonic())
        client.redirect("http://successor", 2)
        left.append(len(client._sent_to(1)))
        assert await client.drained(1) == 0
        assert client._sent_to(2)

    records = virtual.drive(virtual.Served(ttft=0.3), requests(60, 0.02), LIMITS, redirect)
    assert {record.status for record in records} == {"ok"}
    assert not any(record.held for record in records)
    assert [record.index for record in records if record.generation == 1] == list(range(26))
    assert left == [15]


def test_what_outlasts_a_drain_is_cut_and_nothing_else() -> None:
    counted: list[int] = []

    async def redirect(client: Client) -> None:
        await asyncio.sleep(virtual.LOAD_START + 0.51 - time.monotonic())
        client.redirect("http://successor", 2)
        counted.append(await client.drained(1, within=0.1))
        counted.append(client.cut(1))

    records = virtual.drive(virtual.Served(ttft=0.3), requests(60, 0.02), LIMITS, redirect)
    cut = [record for record in records if record.status != "ok"]
    assert {record.failure for record in cut} == {"cut"}
    assert {record.generation for record in cut} == {1}
    assert counted == [len(cut)] * 2 == [10] * 2
    assert len(records) == 60


def test_arrivals_held_at_the_end_of_the_schedule_are_sent() -> None:
    async def restart(client: Client) -> None:
        await asyncio.sleep(virtual.LOAD_START + 0.05 - time.monotonic())
        client.hold()
        await asyncio.sleep(60.0)
        client.release(2)

    records = virtual.drive(virtual.Served(), requests(10, 0.02), LIMITS, restart)
    assert {record.status for record in records} == {"ok"}
    assert sum(record.held for record in records) == 7


def test_a_stopped_client_sends_no_more_and_records_what_was_sent() -> None:
    async def stop(client: Client) -> None:
        await asyncio.sleep(virtual.LOAD_START + 0.31 - time.monotonic())
        client.stop()

    records = virtual.drive(virtual.Served(ttft=0.1), requests(1000, 0.02), LIMITS, stop)
    assert [record.status for record in records] == 16 * ["ok"]


class Generating(BaseHTTPRequestHandler):
    """Answers as Triton's generate extension does, with its vLLM backend's outputs; keeps what it was asked."""

    asked: list[tuple[str, dict[str, Any]]]
    cut: bool

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.path, asked))
        many = self.path.endswith("_stream")
        words = [" one", " two"] if many else [" one two"]
        responses = [
            {"model_name": "m", "text_output": word, "num_output_tokens": 2 // len(words), "finish_reason": "None"}
            for word in words
        ]
        if not self.cut:
            responses[-1]["finish_reason"] = "length"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8" if many else "application/json")
        self.end_headers()
        for response in responses:
            self.wfile.write((f"data: {json.dumps(response)}\n\n" if many else json.dumps(response)).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def generating(*, cut: bool = False) -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    asked: list[tuple[str, dict[str, Any]]] = []
    handler = type("Handler", (Generating,), {"asked": asked, "cut": cut})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(("streaming", "path"), [(True, "generate_stream"), (False, "generate")])
def test_tritons_generate_extension_is_spoken_where_the_path_says_so(streaming: bool, path: str) -> None:
    with generating() as (url, asked):
        [record] = drive(url, requests(1, 0.0, streaming=streaming, tokens=2), path="/v2/models/m/generate_stream")
    assert (record.status, record.output_tokens, record.error) == ("ok", 2, None)
    [(where, body)] = asked
    assert where == f"/v2/models/m/{path}"
    assert (body["max_tokens"], body["stream"], body["return_num_output_tokens"]) == (2, streaming, True)
    assert isinstance(body["text_input"], str)
    assert "model" not in body


def test_a_generated_stream_without_a_finish_reason_was_cut_short() -> None:
    with generating(cut=True) as (url, _):
        [record] = drive(url, requests(1, 0.0, tokens=2), path="/v2/models/m/generate_stream")
    assert record.status != "ok"
    assert "without its end marker" in (record.error or "")
