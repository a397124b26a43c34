"""The answer of one exchange, read piece by piece: a stream's tokens with their times, or a complete body."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from aging.core import http
from aging.core.records import Failure
from aging.load.http.connection import Sink
from aging.load.http.sse import StreamedAnswer, choices, completion_tokens, generated_tokens, parsed, said, texts
from aging.load.http.transport import ReceivedStream
from aging.load.requests.client_faults import enough
from aging.load.requests.expectation import Expectation
from aging.load.schedule.planned_request import PlannedRequest

_BODY_BYTES, _BODY_BYTES_A_TOKEN = 16 * 2**20, 16 * 2**10
"""Most bytes of an answer: log-probabilities of some twenty alternatives are two kilobytes a token."""

REFUSAL_BYTES = 4096
"""Most bytes that are read of the body of an answer with a wrong status."""


class Reading(ABC):
    """The state of one exchange.

    The first thing that went wrong is its ``failure``, described by ``error``; ``left`` is
    true when the client disconnected before the end, as planned.
    """

    def __init__(self) -> None:
        self.http_status: int | None = None
        self.failure: Failure | None = None
        self.error: str | None = None
        self.left = False

    def fail(self, failure: Failure, error: str) -> None:
        """Record what went wrong, if it is the first thing."""
        if self.failure is None:
            self.failure, self.error = failure, error

    @abstractmethod
    def begin(self, response: http.Response) -> bool:
        """Take the head of the answer; whether its body is wanted."""

    @abstractmethod
    def take(self, piece: bytes, now: float) -> bool:
        """Take a piece of body, received at monotonic time ``now``; whether more is wanted."""

    @abstractmethod
    def end(self) -> None:
        """Finish the answer: check that it is complete, once its body has ended or no more of it is wanted."""

    @abstractmethod
    def measured(self) -> Mapping[str, Any]:
        """Tokens and their times, by the names of :class:`aging.load.requests.send.Answer`."""


class CompletionReading(Reading):
    """The answer to a completion request.

    ``due`` makes what verifies the answer, where it is known; it is called when the answer has begun, so that no
    request is sent later for it.
    """

    def __init__(self, request: PlannedRequest, due: Callable[[], Expectation | None] = lambda: None) -> None:
        super().__init__()
        self._disconnects = request.fault == "disconnect"
        self._enough = enough(request)
        self._most_bytes = _BODY_BYTES + _BODY_BYTES_A_TOKEN * request.output_tokens
        self._make_due = due
        self._due: Expectation | None = None
        self._stream = StreamedAnswer() if request.streaming else None
        self._kind = ""
        self._body = bytearray()
        self._bytes = 0
        self._received: float | None = None
        self._tokens: int | None = None
        self._counted = False

    def begin(self, response: http.Response) -> bool:
        self.http_status = response.status_code
        self._kind = response.headers.get("content-type", "")
        if response.status_code == http.codes.OK and self._disconnects:
            self.left = True
        if response.has_redirect_location:
            self.fail("redirect", redirected(response))
        wanted = not self.left and self.failure is None
        if wanted and response.status_code == http.codes.OK:
            self._due = self._make_due()
            if self._stream is not None and self._due is not None:
                self._stream.verify = self._due.take
        return wanted

    def take(self, piece: bytes, now: float) -> bool:
        self._bytes += len(piece)
        if self.http_status != http.codes.OK:
            self._body += piece
            return self._bytes < REFUSAL_BYTES
        if self._bytes > self._most_bytes:
            self.fail("too-long", f"the answer is longer than {self._most_bytes} bytes")
            return False
        if self._stream is None:
            self._body += piece
            self._received = now
            return True
        self._stream.feed(piece, now)
        if self._enough is not None and self._stream.chunks >= self._enough and not self._stream.ended:
            self.left = True
        return self._stream.failure is None and not self.left

    def end(self) -> None:
        if self.failure is not None or self.left:
            return
        if self.http_status != http.codes.OK:
            self.fail("http", f"HTTP {self.http_status}: {self._body.decode(errors='replace')}")
        elif self._stream is None:
            self._end_whole()
        else:
            self._end_stream(self._stream)

    def measured(self) -> Mapping[str, Any]:
        stream = self._stream
        if stream is None:
            tokens = {"tokens": self._tokens, "counted": self._counted}
            return tokens | {"last_token": self._received} if self._tokens is not None else tokens
        if self.http_status != http.codes.OK:
            return {}
        return {
            "first_token": stream.first_token,
            "last_token": stream.last_token,
            "tokens": stream.tokens,
            "counted": stream.usage_tokens is None,
            "itl_p50": stream.gaps.quantile(0.5),
            "itl_p99": stream.gaps.quantile(0.99),
            "stall": stream.gaps.longest,
        }

    def _end_stream(self, stream: StreamedAnswer) -> None:
        if stream.failure is not None:
            self.fail(stream.failure, stream.error or "")
        elif not stream.ended and not stream.chunks and "event-stream" not in self._kind:
            self.fail("garbage", f"the answer is not an event stream but {self._kind or 'has no Content-Type'}")
        elif not stream.ended:
            inside = " in the middle of an event" if stream.halfway else " without its end marker"
            self.fail("truncated", f"the stream ended{inside}")
        elif stream.tokens == 0:
            self.fail("no-token", "the stream held no token")
        elif self._due is not None and (wrong := self._due.end()) is not None:
            self.fail("wrong", wrong)

    def _end_whole(self) -> None:
        whole = parsed(bytes(self._body))
        if whole is None or not (choices(whole) or isinstance(whole.get("text_output"), str)):
            self.fail("garbage", "the answer is not a completion")
            return
        tokens = generated_tokens(whole) if "text_output" in whole else completion_tokens(whole)
        self._counted = tokens is None
        self._tokens = len(said(whole).split()) if tokens is None else tokens
        if self._tokens == 0:
            self.fail("no-token", "the answer held no token")
        elif self._due is not None and (wrong := self._due.whole(texts(whole))) is not None:
            self.fail("wrong", wrong)


def redirected(response: http.Response) -> str:
    """The error of an answer that points elsewhere: redirects are not followed."""
    return f"HTTP {response.status_code}: redirected to {response.headers['location']}"


async def read_into(stream: http.AsyncByteStream, sink: Sink) -> None:
    """Hand a body to ``sink`` with the time each piece was received, as precisely as the transport reports it."""
    if isinstance(stream, ReceivedStream):
        await stream.read_into(sink)
        return
    async for piece in stream:
        if not sink(piece, time.monotonic()):
            return
