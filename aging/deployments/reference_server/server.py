"""The reference server: routes, pace, aging, shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass

import h11

from aging.deployments.reference_server.completions import (
    Asked,
    BadRequestError,
    Events,
    error_reply,
    models_reply,
    parse,
    whole_reply,
)
from aging.deployments.reference_server.connection import MAX_BODY_BYTES, BodyTooLargeError, Connection
from aging.deployments.reference_server.leak import Ager
from aging.deployments.reference_server.served_log import ServedLog

DRAIN_SECONDS = 5.0
_TICK_SECONDS = 0.1
_ROUTES = {
    "/v1/completions": "POST",
    "/v1/chat/completions": "POST",
    "/v1/models": "GET",
    "/health": "GET",
    "/metrics": "GET",
    "/trim": "POST",
    "/reset_caches": "POST",
    "/sleep": "POST",
    "/wake_up": "POST",
}


@dataclass(frozen=True, slots=True)
class Pace:
    """Latency of a server without aging: seconds to the first token, and between tokens."""

    ttft_seconds: float = 0.005
    token_seconds: float = 0.001


@dataclass(slots=True)
class Counters:
    """Counters for ``/metrics``."""

    running: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    errors: int = 0
    disconnects: int = 0


class Refusal(Exception):  # noqa: N818 - an error answer, not a failure of the server
    """An error answer, with its HTTP status."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


class ReferenceServer:
    """Answers completion requests at a fixed pace, with the aging of its :class:`Ager`.

    What is in flight when it is asked to end may take ``drain_seconds`` more. ``served`` has the requests that carry
    an ``X-Request-Id``.
    """

    def __init__(
        self, ager: Ager, pace: Pace, drain_seconds: float = DRAIN_SECONDS, served: ServedLog | None = None
    ) -> None:
        self._ager = ager
        self._pace = pace
        self._drain_seconds = drain_seconds
        self._served = served
        self._asleep = False
        self._counters = Counters()
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._stopping = False

    async def serve(self, host: str, port: int, listening: asyncio.Future[int], stop: asyncio.Event) -> None:
        """Listen, put the port into ``listening``, and serve until ``stop``; then finish requests in flight."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self._opened), host, port, backlog=1024)
        async with server:
            listening.set_result(server.sockets[0].getsockname()[1])
            clock = asyncio.create_task(self._age_with_time()) if self._ager.aging.leak_bytes_per_hour else None
            await stop.wait()
            server.close()
            await self._finish(self._drain_seconds)
            if clock:
                clock.cancel()

    async def _finish(self, seconds: float) -> None:
        self._stopping = True
        for task, connection in self._connections.items():
            if not connection.busy:
                task.cancel()
        if self._connections:
            _, late = await asyncio.wait(list(self._connections), timeout=seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    async def _age_with_time(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            self._ager.catch_up()

    def _opened(self, connection: Connection) -> None:
        task = asyncio.get_running_loop().create_task(self._converse(connection))
        self._connections[task] = connection
        task.add_done_callback(self._connections.pop)

    async def _converse(self, connection: Connection) -> None:
        try:
            while not self._stopping and (request := await connection.next_request()):
                await self._answer(connection, request)
                if not connection.next_cycle():
                    await connection.linger()
                    return
        except h11.RemoteProtocolError as error:
            self._counters.errors += 1
            await self._complain(connection, error)
        except OSError:  # reset, broken pipe or timed out: the client has closed the connection
            self._counters.disconnects += connection.busy
        finally:
            connection.close()

    async def _complain(self, connection: Connection, error: h11.RemoteProtocolError) -> None:
        if not connection.may_answer:
            return
        body = error_reply(str(error), "invalid_request_error", error.error_status_hint)
        with contextlib.suppress(OSError):
            await connection.respond(error.error_status_hint, "application/json", body, last=True)
            await connection.linger()

    async def _answer(self, connection: Connection, request: h11.Request) -> None:
        try:
            path = request.target.partition(b"?")[0].decode("ascii", "replace")
            allowed = _ROUTES.get(path)
            if allowed is None:
                raise Refusal(404, "invalid_request_error", f"no such path: {path}")
            if request.method.decode() != allowed:
                raise Refusal(405, "invalid_request_error", f"{path} takes {allowed}")
            body = await _body(connection, request)
            if path.endswith("/completions"):
                await self._serve(connection, request, _asked(body, chat="chat" in path))
            else:
                content_type, reply = self._page(path)
                await connection.respond(200, content_type, reply, last=self._stopping)
        except Refusal as refusal:
            self._counters.errors += 1
            reply = error_reply(str(refusal), refusal.kind, refusal.status)
            unread = refusal.status in (404, 405, 413)
            await connection.respond(refusal.status, "application/json", reply, last=unread or self._stopping)

    def _page(self, path: str) -> tuple[str, bytes]:
        if path == "/metrics":
            return "text/plain; version=0.0.4; charset=utf-8", self.metrics().encode()
        if path in ("/trim", "/reset_caches", "/sleep", "/wake_up"):
            return "application/json", b'{"freed_bytes":%d}' % self._rejuvenate(path)
        return "application/json", models_reply() if path == "/v1/models" else b'{"status":"ok"}'

    def _rejuvenate(self, path: str) -> int:
        """Do it; the bytes that came back."""
        if path in ("/sleep", "/wake_up"):
            self._asleep = path == "/sleep"
        freed = self._ager.trim() if path in ("/trim", "/sleep") else 0
        return freed + (self._ager.reset_caches() if path in ("/reset_caches", "/sleep") else 0)

    async def _serve(self, connection: Connection, request: h11.Request, asked: Asked) -> None:
        if self._asleep:
            raise Refusal(503, "server_error", "asleep; POST /wake_up")
        given = next((value for name, value in request.headers if name == b"x-request-id"), None)
        if given is None or self._served is None:
            await self._complete(connection, asked)
            return
        self._served.begin(given)
        await self._complete(connection, asked)
        self._served.end(given)

    async def _complete(self, connection: Connection, asked: Asked) -> None:
        self._counters.running += 1
        try:
            self._age_by_one_request()
            self._counters.prompt_tokens += asked.prompt_tokens
            first = time.monotonic() + self._pace.ttft_seconds + self._ager.extra_latency()
            if asked.streaming:
                await self._stream(connection, asked, first)
            else:
                last = first + max(asked.output_tokens - 1, 0) * self._pace.token_seconds
                await asyncio.sleep(last - time.monotonic())
                if connection.gone:
                    raise ConnectionResetError
                reply = whole_reply(asked, self._ager.requests)
                await connection.respond(200, "application/json", reply, last=self._stopping)
            self._counters.output_tokens += asked.output_tokens * asked.choices
        finally:
            self._counters.running -= 1

    def _age_by_one_request(self) -> None:
        try:
            self._ager.count_request()
        except (OSError, RuntimeError) as error:
            raise Refusal(503, "server_error", f"worn out: {error}") from error

    async def _stream(self, connection: Connection, asked: Asked, due: float) -> None:
        events = Events(asked, self._ager.requests)
        headers = [("content-type", "text/event-stream"), ("cache-control", "no-cache")]
        await connection.send(
            h11.Response(status_code=200, headers=headers + [("connection", "close")] * self._stopping)
        )
        for index in range(asked.output_tokens):
            delay = due - time.monotonic()
            if delay > 0:
                await asyncio.sleep(delay)
            if connection.gone:
                raise ConnectionResetError
            await connection.send(h11.Data(data=events.token(index)))
            due += self._pace.token_seconds
        await connection.send(h11.Data(data=events.end()), h11.EndOfMessage())

    def metrics(self) -> str:
        """Age and counters in the Prometheus text format."""
        ager, counters = self._ager, self._counters
        rows = (
            ("reference_requests_total", "counter", "Well-formed completion requests.", ager.requests),
            ("reference_requests_running", "gauge", "Completion requests being answered.", counters.running),
            ("reference_prompt_tokens_total", "counter", "Words of all prompts.", counters.prompt_tokens),
            ("reference_output_tokens_total", "counter", "Words of all finished replies.", counters.output_tokens),
            ("reference_errors_total", "counter", "Requests answered with an error.", counters.errors),
            ("reference_disconnects_total", "counter", "Clients that left before their answer.", counters.disconnects),
            ("reference_connections", "gauge", "Open client connections.", len(self._connections)),
            ("reference_held_bytes", "gauge", "Anonymous memory held because of age.", ager.held_bytes),
            ("reference_held_fds", "gauge", "File descriptors held because of age.", ager.fds),
            ("reference_held_threads", "gauge", "Threads held because of age.", ager.threads),
            ("reference_extra_latency_seconds", "gauge", "Drift of the time to first token.", ager.extra_latency()),
            ("reference_asleep", "gauge", "1 while the server is asleep.", int(self._asleep)),
            ("reference_age_seconds", "gauge", "Time since the start.", ager.seconds),
        )
        return "".join(
            f"# HELP {name} {text}\n# TYPE {name} {kind}\n{name} {value:.17g}\n" for name, kind, text, value in rows
        )


async def _body(connection: Connection, request: h11.Request) -> bytes:
    try:
        return await connection.body(request)
    except BodyTooLargeError as error:
        raise Refusal(413, "invalid_request_error", f"the body is larger than {MAX_BODY_BYTES} bytes") from error


def _asked(body: bytes, *, chat: bool) -> Asked:
    try:
        return parse(body, chat=chat)
    except BadRequestError as error:
        raise Refusal(400, "invalid_request_error", str(error)) from error
