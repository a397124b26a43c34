"""The response parser against h11: the same bytes, however they are cut, give the same body or the same complaint."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import h11
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aging.load.http.response_parser import HEAD_LIMIT_BYTES, ResponseParser, TooLongError, TruncatedError

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


@dataclass(frozen=True)
class Read:
    """What a parser made of a response; the names of headers in lower case."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    reusable: bool


def theirs(data: bytes) -> Read | None:
    """The response as h11 reads it; None where it complains."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("Host", "x"), ("Content-Length", "0")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    body, head, ended = b"", None, False
    try:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:  # all of it was taken, and only the end of the connection can end the body
                ended = True
                connection.receive_data(b"")
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                break
            elif isinstance(event, h11.ConnectionClosed):
                return None
    except h11.RemoteProtocolError:
        return None
    assert head is not None
    reusable = connection.their_state is h11.DONE and not ended and not connection.trailing_data[0]
    return Read(head.status_code, tuple(head.headers), body, reusable)


def ours(pieces: list[bytes]) -> Read | None:
    parser = ResponseParser()
    body = b""
    try:
        for piece in pieces:
            body += b"".join(parser.feed(piece))
        reusable = parser.reusable
        parser.end()
    except httpx.RemoteProtocolError:
        return None
    assert parser.head is not None
    headers = tuple(
        (name.lower(), value.lower() if name.lower() == b"transfer-encoding" else value)  # as h11 has it
        for name, value in parser.head.headers
    )
    return Read(parser.head.status, headers, body, reusable)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[one:other] for one, other in itertools.pairwise(ends)]


CUTS = st.lists(st.integers(0, 10_000), max_size=8)
NAMES = st.sampled_from(["Server", "x-request-id", "Date", "Set-Cookie", "X", "!#$%&'*+-.^_`|~0"])
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=8) | st.sampled_from(
    ["a b", "a, b;c=d"]
)
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=4)
CHUNKS = st.lists(
    st.tuples(st.binary(min_size=1, max_size=40), st.sampled_from(["", ";a=b", ';a="b c"']), st.booleans()), max_size=5
)
CONNECTION = st.sampled_from([(), (("Connection", "close"),), (("connection", "keep-alive"),)])


def lines(*parts: str) -> bytes:
    return "".join(f"{part}\r\n" for part in parts).encode()


def written(headers: Sequence[tuple[str, str]]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers]


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """A whole, valid response: informational ones before it, and a body framed in one of the three ways."""
    informational = lines("HTTP/1.1 103 Early Hints", *written(draw(HEADERS)), "") * draw(st.integers(0, 2))
    status = draw(st.sampled_from(["200 OK", "200", "404 Not  Found", "503 ", "204 No Content", "304 Not Modified"]))
    start = f"HTTP/1.{draw(st.sampled_from('11110'))} {status}"
    headers = [*draw(HEADERS), *draw(CONNECTION)]
    if status.startswith(("204", "304")):
        return informational + lines(start, *written(headers), "")
    body = draw(st.binary(max_size=120))
    match draw(st.sampled_from(["length", "chunked", "close"])):
        case "length":
            framing, content = [("Content-Length", str(len(body)))], body
        case "close":
            framing, content = [], body
        case _:
            framing = [("Transfer-Encoding", draw(st.sampled_from(["chunked", "Chunked"])))]
            content = b"".join(
                f"{len(data):{'X' if capital else '04x'}}{extension}\r\n".encode() + data + b"\r\n"
                for data, extension, capital in draw(CHUNKS)
            )
            content += lines("0", *written(draw(HEADERS)), "")
    place = draw(st.integers(0, len(headers)))
    return informational + lines(start, *written([*headers[:place], *framing, *headers[place:]]), "") + content


@given(answers(), CUTS)
def test_every_valid_response_is_read_as_h11_reads_it_however_it_is_cut(data: bytes, places: list[int]) -> None:
    expected = theirs(data)
    assert expected is not None, "h11 takes it for valid"
    assert ours(cut(data, places)) == expected
    assert ours([bytes([byte]) for byte in data]) == expected


EDITS = st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=3), st.integers(0, 3)), min_size=1, max_size=3)


def damaged(data: bytes, edits: list[tuple[int, bytes, int]]) -> bytes:
    """``data`` with bytes replaced, put in or left out."""
    for place, added, left_out in edits:
        at = place % (len(data) + 1)
        data = data[:at] + added + data[at + left_out :]
    return data


@given(answers(), EDITS, CUTS)
def test_a_damaged_response_is_read_as_h11_reads_it_or_refused(
    data: bytes, edits: list[tuple[int, bytes, int]], places: list[int]
) -> None:
    data = damaged(data, edits)
    read = ours(cut(data, places))
    assert read == ours([data]), "the cuts do not matter"
    expected = theirs(data)
    if read is not None and expected is not None:
        assert (read.status, read.body) == (expected.status, expected.body)


@given(st.sampled_from(HEADS), st.sampled_from(BODIES), CUTS)
def test_the_same_body_as_h11_however_the_bytes_are_cut(head: bytes, body: bytes, cuts: list[int]) -> None:
    data = head + body
    read, expected = ours(cut(data, cuts)), theirs(data)
    assert (read and read.body) == (expected and expected.body)


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


def test_too_long_parts_are_refused_before_they_are_held() -> None:
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


def test_an_end_inside_of_an_answer_is_an_error() -> None:
    parser = ResponseParser()
    parser.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell")
    with pytest.raises(TruncatedError):
        parser.end()
