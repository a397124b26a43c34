"""A server of completions that is fast, paced, and remembers when it really received and sent: the other side of the
client's studies.

``python -m analysis.benchmarks.truth_server --ttft 0.02 --token 0.01 --truth`` prints its URL and serves until its
input ends. ``GET /truth`` gives what it saw of every request since it was last asked: the checksum of the body, and the
monotonic seconds at which the request was whole and at which its first and its last token were handed to the kernel.
``--faulty 0.1`` lets it fail every tenth request in one of seven ways, which follow from the request's body.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from analysis import ROOT

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_EVENT_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_JSON = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
_EVENT = b'data: {"id":"x","object":"text_completion","choices":[{"index":0,"text":" a","finish_reason":%b}]}\n\n'
_FAULTS = ("error", "refusal", "garbage", "truncated", "reset", "redirect", "silence")
_SHARES = 10_000


@dataclass(slots=True)
class Behaviour:
    """Pace in seconds, share of requests that fail, and what was seen of those that did not (None: not kept)."""

    ttft: float
    token: float
    faulty: float
    truth: list[tuple[int, float, float, float]] | None = field(default=None)


class Serving(asyncio.Protocol):
    """One connection."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._held, 0, end)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._held) < whole:
                return
            head, body, self._held = self._held[:end], self._held[end + 4 : whole], self._held[whole:]
            self._answer(head, body, now)

    def _answer(self, head: bytes, body: bytes, now: float) -> None:
        if head.startswith(b"GET"):
            seen, self._behaviour.truth = self._behaviour.truth, [] if self._behaviour.truth is not None else None
            self._write(_whole(200, json.dumps(seen or []).encode()))
            return
        number = zlib.crc32(body)
        if number % _SHARES < self._behaviour.faulty * _SHARES:
            self._misbehave(_FAULTS[number % len(_FAULTS)])
            return
        if not body:  # a tool that looks whether anybody is there
            self._write(_whole(404, b"{}"))
            return
        asked = json.loads(body)
        tokens = asked.get("max_tokens") or asked.get("max_completion_tokens", 16)
        usage = b'"usage":{"completion_tokens":%d}' % tokens
        if not asked.get("stream"):
            reply = b'{"choices":[{"text":"%b","finish_reason":"length"}],%b}' % (b" a" * tokens, usage)
            self._after(now + self._behaviour.ttft + tokens * self._behaviour.token, self._write, _whole(200, reply))
            return
        last = _chunk(b'data: {"choices":[],%b}\n\ndata: [DONE]\n\n' % usage) + b"0\r\n\r\n"
        stream = _Reply(self, number, now, tokens, last)
        if self._behaviour.ttft or self._behaviour.token:
            self._write(_EVENT_STREAM)
            self._after(now + self._behaviour.ttft, stream.token, now + self._behaviour.ttft)
        else:
            self._write(_EVENT_STREAM + _TOKEN * (tokens - 1) + _LAST_TOKEN + last)

    def _after(self, due: float, call: Callable[..., None], *arguments: object) -> None:
        if due <= time.monotonic():
            call(*arguments)
        else:
            self._loop.call_at(due, call, *arguments)

    def _misbehave(self, fault: str) -> None:
        if fault == "error":
            self._write(_whole(500, b"worn out"))
        elif fault == "refusal":
            self._write(_whole(429, b"later"))
        elif fault == "garbage":
            self._write(b"\x00nonsense\r\n\r\n")
        elif fault == "truncated":
            self._write(_EVENT_STREAM + _TOKEN)
        elif fault == "redirect":
            self._write(b"HTTP/1.1 307 X\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")
        if self._transport is not None:
            if fault == "reset":
                self._transport.abort()
            elif fault in ("garbage", "truncated"):
                self._transport.close()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


class _Reply:
    """A stream at its pace."""

    def __init__(self, serving: Serving, number: int, received: float, tokens: int, last: bytes) -> None:
        self._serving, self._number, self._received, self._left, self._last = serving, number, received, tokens, last
        self._first: float | None = None

    def token(self, due: float) -> None:
        behaviour = self._serving._behaviour
        now = time.monotonic()
        self._first = self._first or now
        self._left -= 1
        if self._left:
            self._serving._write(_TOKEN)
            self._serving._after(due + behaviour.token, self.token, due + behaviour.token)
            return
        self._serving._write(_LAST_TOKEN + self._last)
        if behaviour.truth is not None:
            behaviour.truth.append((self._number, self._received, self._first, now))


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _whole(status: int, body: bytes) -> bytes:
    return _JSON % (status, len(body), body)


_TOKEN, _LAST_TOKEN = _chunk(_EVENT % b"null"), _chunk(_EVENT % b'"length"')


@contextlib.contextmanager
def started(*flags: str) -> Iterator[tuple[int, str]]:
    """The server in a process of its own; its pid and its URL."""
    argv = (sys.executable, "-m", "analysis.benchmarks.truth_server", *flags)
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.pid, process.stdout.readline().strip()
        finally:
            process.stdin.close()


async def main() -> None:
    """Serve until standard input ends: whoever started it has no more use for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ttft", type=float, default=0.0, help="seconds to the first token")
    parser.add_argument("--token", type=float, default=0.0, help="seconds from each token to the next")
    parser.add_argument("--faulty", type=float, default=0.0, help="share of requests that fail")
    parser.add_argument("--truth", action="store_true", help="remember what was sent when")
    options = parser.parse_args()
    behaviour = Behaviour(options.ttft, options.token, options.faulty, [] if options.truth else None)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Serving(behaviour), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    ended = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(ended), sys.stdin)
    await ended.read()
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
