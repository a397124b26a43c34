"""Whatever a server does becomes a typed failure, plain and under TLS, and the run goes on."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aging.core.records import Failure
from tests.load.clients import LIMITS, drive, requests
from tests.load.servers import (
    CHUNKED,
    CLOSED,
    DONE,
    JSON,
    SSE,
    TOKEN,
    Talk,
    answering,
    chunk,
    flooding,
    resetting,
    self_signed,
    sized,
    talking,
)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ssl.SSLContext]:
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command for a certificate")
    made, certificate = self_signed(tmp_path_factory.mktemp("tls"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(certificate))
        yield made


@pytest.fixture(params=["plain", "tls"])
def tls(request: pytest.FixtureRequest) -> ssl.SSLContext | None:
    return request.getfixturevalue("context") if request.param == "tls" else None


STREAMED: dict[str, tuple[Talk, Failure]] = {
    "closes at once": (answering(b""), "reset"),
    "resets at once": (resetting(b""), "reset"),
    "resets in the stream": (resetting(CHUNKED + chunk(TOKEN)), "reset"),
    "half a head": (answering(b"HTTP/1.1 200 OK\r\nContent-Ty"), "truncated"),
    "half an event": (answering(CLOSED + TOKEN + b'data: {"cho'), "truncated"),
    "no end marker": (answering(CLOSED + TOKEN), "truncated"),
    "half a chunk": (answering(CHUNKED + b"ff\r\n" + TOKEN), "truncated"),
    "no last chunk": (answering(CHUNKED + chunk(TOKEN + DONE)), "truncated"),
    "shorter than its Content-Length": (answering(SSE + b"Content-Length: 999\r\n\r\n" + TOKEN + DONE), "truncated"),
    "not HTTP": (answering(b"\x00\xff\x17" * 1000), "garbage"),
    "HTTP/2": (answering(b"HTTP/2 200\r\n\r\n"), "garbage"),
    "not a header": (answering(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), "garbage"),
    "not a length": (answering(SSE + b"Content-Length: -5\r\n\r\n"), "garbage"),
    "two lengths": (answering(SSE + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), "garbage"),
    "both framings": (answering(SSE + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), "garbage"),
    "not a chunk size": (answering(CHUNKED + b"zz\r\n" + TOKEN), "garbage"),
    "a chunk longer than its size": (answering(CHUNKED + b"3\r\n" + TOKEN + b"\r\n"), "garbage"),
    "another protocol": (answering(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), "garbage"),
    "an event that is not JSON": (answering(CLOSED + b"data: {nope\n\n" + DONE), "garbage"),
    "an event in no UTF-8": (answering(CLOSED + b'data: {"a":"\xff"}\n\n' + DONE), "garbage"),
    "HTML": (answering(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n<p>hi"), "garbage"),
    "whole where a stream was asked": (answering(sized(JSON, b'{"choices":[{"text":" two"}]}')), "garbage"),
    "an error in the stream": (answering(CLOSED + b'data: {"error":{"message":"boom"}}\n\n' + DONE), "reported"),
    "no token": (answering(CLOSED + DONE), "no-token"),
    "a huge head": (answering(b"HTTP/1.1 200 OK\r\n" + b"X-Long: %b\r\n" % (b"x" * 100_000) + b"\r\n"), "too-long"),
    "many headers": (flooding(b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n" * 1000, 0.0), "too-long"),
    "informational for ever": (flooding(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000, 0.0), "too-long"),
    "a line of 10 MB": (answering(CLOSED + b"data: " + b"x" * 10_000_000 + b"\n\n" + DONE), "too-long"),
    "a line without end": (flooding(CLOSED + b"data: ", b"x" * 65536, 0.0), "too-long"),
    "a chunk size without end": (flooding(CHUNKED, b"0" * 1000, 0.0), "too-long"),
    "a stream without end": (flooding(CLOSED, (b": " + b"x" * 1000 + b"\n") * 1000, 0.0), "too-long"),
    "drips": (flooding(CLOSED, b": ping\n\n", 0.05), "timeout"),
    "a head that drips": (flooding(b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n", 0.05), "timeout"),
    "silence": (flooding(b"", b"", 0.05), "timeout"),
    "a redirect": (
        answering(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"),
        "redirect",
    ),
    "busy": (answering(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nfull"), "http"),
    "an endless refusal": (flooding(b"HTTP/1.1 500 Oh\r\n\r\n", b"x" * 65536, 0.0), "http"),
    "no content": (answering(b"HTTP/1.1 204 No Content\r\n\r\n"), "http"),
}


@pytest.mark.parametrize("fault", STREAMED)
def test_a_stream_that_fails_is_typed_and_the_next_request_is_sent(fault: str, tls: ssl.SSLContext | None) -> None:
    talk, failure = STREAMED[fault]
    with talking(talk, tls) as url:
        records = drive(url, requests(2, 0.01), replace(LIMITS, timeout=0.5 if failure == "timeout" else 60.0))
    assert [(record.status, record.failure) for record in records] == [("error", failure)] * 2
    assert all(record.error and len(record.error) <= 200 for record in records)


WHOLE: dict[str, tuple[Talk, Failure]] = {
    "not JSON": (answering(sized(JSON, b"hello")), "garbage"),
    "no object": (answering(sized(JSON, b"[]")), "garbage"),
    "compressed, unasked": (answering(sized(JSON + b"Content-Encoding: gzip\r\n", b"\x1f\x8b\x08\x00")), "garbage"),
    "brackets without end": (answering(sized(JSON, b"[" * 90_000)), "garbage"),
    "no text": (answering(sized(JSON, b'{"choices":[{"text":""}]}')), "no-token"),
    "without end": (flooding(JSON + b"\r\n", b" " * 1_000_000, 0.0), "too-long"),
    "cut": (answering(JSON + b"Content-Length: 500\r\n\r\n{"), "truncated"),
}


@pytest.mark.parametrize("fault", WHOLE)
def test_a_whole_answer_that_fails_is_typed(fault: str, tls: ssl.SSLContext | None) -> None:
    talk, failure = WHOLE[fault]
    with talking(talk, tls) as url:
        (record,) = drive(url, requests(1, 0.0, streaming=False))
    assert (record.status, record.failure) == ("error", failure)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(CLOSED + TOKEN * 3 + DONE, id="until the connection closes"),
        pytest.param(CHUNKED + chunk(TOKEN * 2 + TOKEN[:9]) + chunk(TOKEN[9:] + DONE) + b"0\r\n\r\n", id="chunked"),
        pytest.param(
            CHUNKED + b"%x;ext=1\r\n%b\r\n0\r\nTrailer: 1\r\n\r\n" % (len(TOKEN * 3 + DONE), TOKEN * 3 + DONE),
            id="chunk extensions and trailers",
        ),
        pytest.param(sized(SSE, TOKEN * 3 + DONE), id="content length"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + CLOSED + TOKEN * 3 + DONE, id="informational first"),
        pytest.param((CLOSED + TOKEN * 3 + DONE).replace(b"\r\n", b"\n"), id="bare line feeds"),
        pytest.param(CLOSED + (TOKEN * 3 + DONE).replace(b"\n", b"\r\n"), id="events with carriage returns"),
    ],
)
def test_every_way_an_answer_may_be_framed_is_understood(answer: bytes, tls: ssl.SSLContext | None) -> None:
    with talking(answering(answer), tls) as url:
        (record,) = drive(url, requests(1, 0.0))
    assert (record.status, record.output_tokens, record.counted) == ("ok", 3, True)


def test_a_server_that_is_not_trusted_is_no_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command for a certificate")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    untrusted, _ = self_signed(tmp_path)
    with talking(answering(CLOSED + TOKEN + DONE), untrusted) as url:
        (record,) = drive(url, requests(1, 0.0))
    assert (record.status, record.failure) == ("error", "connect")
    assert "CERTIFICATE_VERIFY_FAILED" in (record.error or "")
