"""Impolite requests leave when they are meant to, are judged by their results, and disturb no other request."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import httpx
import pytest

from aging.core.records import RequestRecord
from aging.load.requests.client_faults import DISCONNECT_SECONDS, IMPATIENCE_SECONDS
from aging.load.schedule.planned_request import Fault, PlannedRequest
from tests.conftest import wait_for
from tests.load import virtual
from tests.load.clients import LIMITS, drive
from tests.load.servers import CHUNKED, DONE, TOKEN, Talk, answering, chunk, resetting, sized, talking


def planned(
    fault: Fault | Literal[""], count: int = 1, *, tokens: int = 20, streaming: bool = True
) -> list[PlannedRequest]:
    return [PlannedRequest(k, 0.01 * k, 5, tokens, streaming, fault=fault) for k in range(count)]


def took(record: RequestRecord) -> float:
    assert record.sent is not None
    return record.finished - record.sent


def test_an_abort_leaves_after_half_of_the_tokens(reference: Callable[..., str]) -> None:
    url = reference("--token-seconds", "0.05")
    (record,) = drive(url, planned("abort"))
    assert (record.status, record.failure, record.error, record.fault) == ("aborted", None, None, "abort")
    assert record.output_tokens == 10
    wait_for(lambda: _metric(url, "reference_disconnects_total") == 1, "the server has not seen us leave")


def test_a_timeout_gives_up_and_an_answer_that_is_sooner_is_whole() -> None:
    (record,) = virtual.drive(virtual.Served(ttft=3.0), planned("timeout"), LIMITS)
    assert (record.status, record.error) == ("aborted", None)
    assert took(record) == pytest.approx(IMPATIENCE_SECONDS)
    (record,) = virtual.drive(virtual.Served(ttft=0.9 * IMPATIENCE_SECONDS), planned("timeout"), LIMITS)
    assert record.status == "ok"


@pytest.mark.parametrize("streaming", [True, False])
def test_a_disconnect_leaves_before_the_first_token(streaming: bool) -> None:
    (record,) = virtual.drive(virtual.Served(ttft=0.5), planned("disconnect", streaming=streaming), LIMITS)
    assert (record.status, record.first_token, record.error) == ("aborted", None, None)
    assert took(record) <= DISCONNECT_SECONDS + 1e-6


def test_a_probe_sends_no_byte() -> None:
    received: list[bytes] = []

    def talk(peer: socket.socket, stop: threading.Event) -> None:
        received.append(peer.recv(1000))

    with talking(talk) as url:
        (record,) = drive(url, planned("probe"))
        wait_for(lambda: bool(received), "the server has not seen the end of the connection")
    assert (record.status, record.http_status) == ("aborted", None)
    assert received == [b""]


def test_a_probe_of_a_free_port_is_an_error(free_port: Callable[[], int]) -> None:
    (record,) = drive(f"http://127.0.0.1:{free_port()}", planned("probe"))
    assert (record.status, record.failure) == ("error", "connect")


REFUSED = b"HTTP/1.1 400 Bad Request\r\n"
WHOLE = CHUNKED + chunk(TOKEN + DONE) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("fault", "talk", "status", "failure"),
    [
        ("oversized", answering(sized(b"HTTP/1.1 413 Too Large\r\n", b"no")), "refused", None),
        ("malformed", answering(sized(REFUSED, b"no")), "refused", None),
        ("not-found", answering(sized(b"HTTP/1.1 404 Not Found\r\n", b"")), "refused", None),
        ("oversized", resetting(b""), "refused", None),
        ("malformed", resetting(b""), "error", "reset"),
        ("malformed", answering(WHOLE), "ok", None),
        ("malformed", answering(sized(b"HTTP/1.1 500 Oh\r\n", b"no")), "error", "http"),
        ("", answering(sized(REFUSED, b"no")), "error", "http"),
        ("abort", answering(sized(b"HTTP/1.1 503 Busy\r\n", b"no")), "error", "http"),
        ("abort", answering(WHOLE), "ok", None),
        ("disconnect", answering(sized(b"HTTP/1.1 503 Busy\r\n", b"no")), "error", "http"),
    ],
)
def test_status_of_a_fault(fault: Fault | Literal[""], talk: Talk, status: str, failure: str | None) -> None:
    with talking(talk) as url:
        (record,) = drive(url, planned(fault))
    assert (record.status, record.failure) == (status, failure)


def test_a_refusal_that_comes_before_the_whole_body_was_read_is_seen() -> None:
    """As nginx does it: answer 413 at once, and close."""

    def talk(peer: socket.socket, stop: threading.Event) -> None:
        peer.recv(1000)
        peer.sendall(sized(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\n", b"no"))
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(1 << 20):
            pass

    many = [request._replace(prompt_tokens=400_000) for request in planned("oversized")]
    with talking(talk) as url:
        (record,) = drive(url, many)
    assert (record.status, record.http_status) == ("refused", 413)


def test_impolite_requests_leave_no_connection_behind(reference: Callable[..., str]) -> None:
    url = reference("--token-seconds", "0.01")
    faults: tuple[Fault | Literal[""], ...] = ("", "abort", "", "timeout", "", "disconnect", "", "probe")
    mixed = [PlannedRequest(k, 0.01 * k, 5, 20, True, fault=faults[k % 8]) for k in range(160)]
    records = drive(url, mixed, replace(LIMITS, concurrency_cap=200))
    polite = [record for record in records if not record.fault]
    assert {record.status for record in polite} == {"ok"}
    assert {record.status for record in records if record.fault in ("abort", "disconnect", "probe")} == {"aborted"}
    wait_for(lambda: _metric(url, "reference_connections") <= 1, "connections are left behind")  # the one that asks


def _metric(url: str, name: str) -> float:
    text = httpx.get(f"{url}/metrics", trust_env=False).text
    return next(float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} "))
