"""Answers that are known beforehand are verified token by token."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from aging.core.endpoint import Answers, Endpoint
from aging.load.requests.bodies import content
from aging.load.requests.expectation import Expectation, expectation
from aging.load.requests.prompts import messages
from aging.load.schedule.planned_request import Fault, Option, PlannedRequest
from tests.load.clients import SEED, drive, requests
from tests.load.servers import CLOSED, DONE, JSON, answering, sized, talking

KNOWN: Answers = "reference"
TOKENS = 4
ENDPOINT = Endpoint("http://127.0.0.1:1", "m", answers="reference")
(REQUEST,) = requests(1, 0, tokens=TOKENS)

OPTIONS: list[tuple[Option, ...]] = [(), ("chat",), ("n",), ("n", "chat", "logprobs"), ("stop",), ("structured",)]


def due(request: PlannedRequest = REQUEST) -> list[str]:
    """The tokens that the client must be sent."""
    expected = expectation(ENDPOINT, request, content(ENDPOINT, request, messages(request, SEED)))
    assert expected is not None
    asked = expected._asked
    return [asked.token(index) for index in range(asked.output_tokens)]


def stream(tokens: Sequence[str]) -> bytes:
    events = (json.dumps({"choices": [{"index": 0, "text": token}]}) for token in tokens)
    return CLOSED + "".join(f"data: {event}\n\n" for event in events).encode() + DONE


def whole(tokens: Sequence[str]) -> bytes:
    return sized(JSON, json.dumps({"choices": [{"index": 0, "text": "".join(tokens)}]}).encode())


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("options", OPTIONS)
def test_reference_server_answers_as_expected(
    plain_server: str, options: tuple[Option, ...], *, streaming: bool
) -> None:
    planned = [replace_options(one, options) for one in requests(20, 0.002, streaming=streaming, tokens=12)]
    records = drive(plain_server, planned, answers=KNOWN)
    assert [(one.status, one.failure, one.error) for one in records] == [("ok", None, None)] * 20


def replace_options(request: PlannedRequest, options: tuple[Option, ...]) -> PlannedRequest:
    return request._replace(options=options)


DAMAGES: dict[str, Callable[[list[str]], list[str]]] = {
    "another token": lambda tokens: [*tokens[:2], " mor", *tokens[3:]],
    "a token twice": lambda tokens: [*tokens[:2], *tokens[1:]],
    "a token missing": lambda tokens: [*tokens[:1], *tokens[2:]],
    "the last token missing": lambda tokens: tokens[:-1],
    "a token too many": lambda tokens: [*tokens, tokens[0]],
    "two in the wrong order": lambda tokens: [*tokens[:1], tokens[2], tokens[1], *tokens[3:]],
    "two tokens in one": lambda tokens: [tokens[0] + tokens[1], *tokens[2:]],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_stream_is_wrong(damage: str) -> None:
    tokens = DAMAGES[damage](due())
    with talking(answering(stream(tokens))) as url:
        (unverified,) = drive(url, [REQUEST])
        (verified,) = drive(url, [REQUEST], answers=KNOWN)
    assert unverified.status == "ok"
    assert (verified.status, verified.failure) == ("error", "wrong")
    assert verified.error


@pytest.mark.parametrize("damage", sorted(set(DAMAGES) - {"two tokens in one"}))
def test_damaged_answer_is_wrong(damage: str) -> None:
    request = REQUEST._replace(streaming=False)
    with talking(answering(whole(DAMAGES[damage](due(request))))) as url:
        (verified,) = drive(url, [request], answers=KNOWN)
    assert (verified.status, verified.failure) == ("error", "wrong")


@pytest.mark.parametrize("streaming", [True, False])
def test_right_answer_is_ok(*, streaming: bool) -> None:
    request = REQUEST._replace(streaming=streaming)
    answer = (stream if streaming else whole)(due(request))
    with talking(answering(answer)) as url:
        (verified,) = drive(url, [request], answers=KNOWN)
    assert verified.status == "ok"


def test_choices_are_verified_apart() -> None:
    body = content(ENDPOINT, REQUEST, messages(REQUEST, SEED))
    both = json.dumps(json.loads(body) | {"n": 2}).encode()
    expected = expectation(ENDPOINT, REQUEST, both)
    assert expected is not None
    for token in due():
        assert expected.take({"index": 1}, token) is None
    assert expected.end() is not None, "choice 0 has sent nothing"
    for token in due():
        assert expected.take({"index": 0}, token) is None
    assert expected.end() is None
    assert expected.take({"index": 2}, due()[0]) is not None


FAULTS: list[Fault] = ["probe", "oversized", "malformed", "not-found"]


@pytest.mark.parametrize("fault", FAULTS)
def test_refusals_are_not_verified(fault: Fault) -> None:
    assert expectation(ENDPOINT, REQUEST._replace(fault=fault), b"{") is None


def test_other_servers_are_not_verified() -> None:
    body = content(ENDPOINT, REQUEST, messages(REQUEST, SEED))
    assert expectation(replace(ENDPOINT, answers="unknown"), REQUEST, body) is None
    assert isinstance(expectation(ENDPOINT, REQUEST, body), Expectation)


def test_request_id() -> None:
    heads: list[bytes] = []

    def talk(peer: socket.socket, stop: threading.Event) -> None:
        heads.append(peer.recv(65536, socket.MSG_PEEK))
        answering(stream(due()))(peer, stop)

    with talking(talk) as url:
        drive(url, [REQUEST], answers=KNOWN)
        drive(url, [REQUEST])
    assert [b"\r\nX-Request-Id: 0\r\n" in head for head in heads] == [True, False]
