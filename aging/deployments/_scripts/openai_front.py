"""An OpenAI-style front end for engines that are libraries: standard library only, one thread per connection.

Run by the Python of a runtime's environment, beside the script that knows the
engine, so it imports nothing of `aging`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

_LARGEST_BODY = 8 * 2**20
_LARGEST_REFUSED = 64 * 2**20
_LINGER_SECONDS = 2.0
_POLL_SECONDS = 0.05
_PATHS = {"/v1/completions": "text_completion", "/v1/chat/completions": "chat.completion"}


@dataclass(frozen=True)
class Usage:
    """Tokens of one answer, and the finish reason."""

    prompt_tokens: int
    completion_tokens: int
    finish_reason: str = "length"

    def as_dict(self) -> dict[str, int]:
        """The OpenAI ``usage`` object."""
        total = self.prompt_tokens + self.completion_tokens
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": total,
        }


class Engine(Protocol):
    """The contract between a script and the front end."""

    def complete(self, prompt: str, max_tokens: int) -> Generator[str, None, Usage]:
        """Yield pieces of text as they come and return the usage; closed early if the client disconnects."""

    def metrics(self) -> Mapping[str, float]:
        """Gauges for ``/metrics``; a name that ends in ``_total`` is a counter."""


def serve(engine: Engine, port: int) -> None:
    """Serve on the loopback until SIGTERM or SIGINT, let the answers under way end, and exit 0.

    A second signal ends it at once. Call it from the main thread.
    """
    stops = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stops)
    server = _Server(("127.0.0.1", port), _Handler)
    server.engine = engine
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"listening on http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    signal.sigwait(stops)
    server.shutdown()  # no new connection
    while server.answering and signal.sigtimedwait(stops, _POLL_SECONDS) is None:
        pass
    os._exit(0)  # skips the destructors of the library; the kernel frees everything


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    engine: Engine

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._lock = threading.Lock()
        self._answering = 0

    @property
    def answering(self) -> int:
        """Number of completions under way."""
        return self._answering

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Count a completion as under way."""
        with self._lock:
            self._answering += 1
        try:
            yield
        finally:
            with self._lock:
                self._answering -= 1


class _RefusedError(Exception):
    """An error answer with a status and a reason."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        match self.path:
            case "/health":
                self._reply({"status": "ok"})
            case "/v1/models":
                self._reply({"object": "list", "data": [{"id": "local", "object": "model"}]})
            case "/metrics":
                self._send(_prometheus(self.server.engine.metrics()).encode(), "text/plain; version=0.0.4")
            case _:
                self._reply({"error": {"message": f"no such path: {self.path}"}}, HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        with self.server.counted():
            self._complete()

    def _complete(self) -> None:
        try:
            asked = self._asked()
            prompt, limit = _prompt(self.path, asked), asked.get("max_tokens", 16)
            if not isinstance(limit, int) or limit < 1:
                raise _RefusedError(HTTPStatus.BAD_REQUEST, f"max_tokens must be a whole number of 1 or more: {limit}")
        except _RefusedError as refused:
            self.close_connection = True
            self._reply({"error": {"message": str(refused)}}, refused.status)
            self._read_on()
            return
        pieces = self.server.engine.complete(prompt, limit)
        try:
            if asked.get("stream"):
                self._stream(pieces)
            else:
                self._whole(pieces)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            pieces.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a line per request would fill the disk in days."""

    def _read_on(self) -> None:
        """Read the rest of the input: closing with unread bytes resets the connection and its answer."""
        self.connection.settimeout(_LINGER_SECONDS)
        left = _LARGEST_REFUSED
        try:
            while left > 0 and (some := self.rfile.read1(min(left, 2**16))):
                left -= len(some)
        except OSError:  # timeout, or the client has closed the connection
            return

    def _asked(self) -> dict[str, Any]:
        if self.path not in _PATHS:
            raise _RefusedError(HTTPStatus.NOT_FOUND, f"no such path: {self.path}")
        try:
            length = int(self.headers.get("Content-Length", ""))
        except ValueError:
            raise _RefusedError(HTTPStatus.LENGTH_REQUIRED, "a body with its length is needed") from None
        if not 0 <= length <= _LARGEST_BODY:
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body of at most {_LARGEST_BODY} bytes")
        try:
            asked = json.loads(self.rfile.read(length))
        except ValueError as error:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, f"the body is not JSON: {error}") from None
        if not isinstance(asked, dict):
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "the body is not a JSON object")
        return asked

    def _whole(self, pieces: Generator[str, None, Usage]) -> None:
        gathered = []
        while True:
            try:
                gathered.append(next(pieces))
            except StopIteration as end:
                usage: Usage = end.value
                break
        choice = _choice(self.path, "".join(gathered), usage.finish_reason, whole=True)
        self._reply(_answer(self.path, [choice]) | {"usage": usage.as_dict()})

    def _stream(self, pieces: Generator[str, None, Usage]) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while True:
            try:
                piece = next(pieces)
            except StopIteration as end:
                usage: Usage = end.value
                break
            self._event(_answer(self.path, [_choice(self.path, piece, None, whole=False)]))
        last = _answer(self.path, [_choice(self.path, "", usage.finish_reason, whole=False)])
        self._event(last | {"usage": usage.as_dict()})
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _event(self, content: Mapping[str, Any]) -> None:
        self._chunk(b"data: " + json.dumps(content).encode() + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _reply(self, content: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(json.dumps(content).encode(), "application/json", status)

    def _send(self, data: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)


def _prompt(path: str, asked: Mapping[str, Any]) -> str:
    if _PATHS[path] == "text_completion":
        prompt = asked.get("prompt")
        if not isinstance(prompt, str):
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "prompt must be a string")
        return prompt
    messages = asked.get("messages")
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "messages must be a list of objects")
    return "".join(str(message.get("content", "")) for message in messages)


def _answer(path: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": "local", "object": _PATHS[path], "created": int(time.time()), "model": "local", "choices": choices}


def _choice(path: str, text: str, finish_reason: str | None, *, whole: bool) -> dict[str, Any]:
    if _PATHS[path] == "text_completion":
        content: dict[str, Any] = {"text": text}
    else:
        content = {"message" if whole else "delta": {"role": "assistant", "content": text}}
    return {"index": 0, "finish_reason": finish_reason} | content


def _prometheus(values: Mapping[str, float]) -> str:
    kinds = {name: "counter" if name.endswith("_total") else "gauge" for name in values}
    return "".join(f"# TYPE {name} {kinds[name]}\n{name} {value:g}\n" for name, value in values.items())
