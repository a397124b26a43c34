"""The response parser against h11: the same bytes, however they are cut, give the same body or the same complaint."""

from __future__ import annotations

import itertools

import h11
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aging.load.responses import HEAD_LIMIT_BYTES, ResponseParser, TooLongError, TruncatedError

HEADS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200\r\ncontent-length: 12\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\n",
    b"HTTP/1.1 404 Not  Found\r\nX: \r\nContent-Length: 3\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
)
BODIES = (
    b"6\r\nhello \r\n6;a=b\r\nworld!\r\n0\r\n\r\n",
    b"6\r\nhello \r\n0\r\nTrailer: x\r\n\r\n",
    b"hello world!",
    b"",
    b"5\r\nhel",
    b"G\r\n",
    b"5\r\nhelloX\r\n",
)


def theirs(data: bytes) -> bytes | None:
    """The body as h11 reads it; None where it complains."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("Host", "x"), ("Content-Length", "0")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    connection.receive_data(b"")
    body = b""
    try:
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.ConnectionClosed):
                return None
    except h11.RemoteProtocolError:
        return None
    return body


def ours(pieces: list[bytes]) -> bytes | None:
    parser = ResponseParser()
    body = b""
    try:
        for piece in pieces:
            body += b"".join(parser.feed(piece))
        parser.end()
    except httpx.RemoteProtocolError:
        return None
    return body


@given(st.sampled_from(HEADS), st.sampled_from(BODIES), st.lists(st.integers(0, 200), max_size=6))
def test_the_same_body_as_h11_however_the_bytes_are_cut(head: bytes, body: bytes, cuts: list[int]) -> None:
    data = head + body
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    assert ours([data[a:b] for a, b in itertools.pairwise(places)]) == theirs(data)


@given(st.binary(max_size=300), st.sampled_from((b"", *HEADS)))
def test_any_bytes_are_a_body_or_a_complaint(data: bytes, head: bytes) -> None:
    whole, bytewise = ours([head + data]), ours([bytes([byte]) for byte in head + data])
    assert whole == bytewise


@pytest.mark.parametrize(
    ("data", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi more", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nh", False),
        (b"HTTP/1.1 200 OK\r\nConnection: Keep-Alive, Close\r\nContent-Length: 2\r\n\r\nhi", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", False),
    ],
)
def test_a_connection_may_be_used_again_after_a_whole_answer_of_its_own(data: bytes, reusable: bool) -> None:
    parser = ResponseParser()
    parser.feed(data)
    assert parser.reusable is reusable


def test_what_is_too_long_is_told_before_it_is_held() -> None:
    for start, more in (
        (b"HTTP/1.1 200 OK\r\n", b"x" * 1000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0" * 1000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n" * 100),
    ):
        parser = ResponseParser()
        parser.feed(start)
        with pytest.raises(TooLongError):
            _feed_all(parser, [more] * (2 * HEAD_LIMIT_BYTES // len(more)))


def _feed_all(parser: ResponseParser, pieces: list[bytes]) -> None:
    for piece in pieces:
        parser.feed(piece)


def test_an_end_inside_of_an_answer_is_told() -> None:
    parser = ResponseParser()
    parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell")
    with pytest.raises(TruncatedError):
        parser.end()
