"""Requests that are impolite on purpose: when they disconnect, and which status they should have.

Real leaks come from clients that disconnect: a server must free what it holds for them on code paths that no polite
request takes.
"""

from __future__ import annotations

import asyncio

from aging.core import http
from aging.core.records import Failure, Status
from aging.load.schedule.planned_request import PlannedRequest

IMPATIENCE_SECONDS = 0.5
"""How long a request with the fault ``timeout`` waits for the end of its answer."""

DISCONNECT_SECONDS = 0.05
"""Seconds after which a ``disconnect`` leaves if no answer has begun: the server is reading the prompt then."""

_REFUSABLE = ("oversized", "malformed", "not-found")


def impatience(request: PlannedRequest) -> float | None:
    """Seconds after which a request disconnects, whatever was received; None for other faults.

    An abort of an answer that comes whole cannot count tokens, and leaves after a while.
    """
    if request.fault == "disconnect":
        return DISCONNECT_SECONDS
    if request.fault == "timeout" or (request.fault == "abort" and not request.streaming):
        return IMPATIENCE_SECONDS
    return None


def enough(request: PlannedRequest) -> int | None:
    """Tokens after which an aborted stream is left; None for a request that reads to the end."""
    return max(1, request.output_tokens // 2) if request.fault == "abort" else None


def outcome(request: PlannedRequest, failure: Failure | None, http_status: int | None, *, left: bool) -> Status:
    """The status of a request that was sent; ``left`` is whether the client disconnected as planned."""
    if left:
        return "aborted"
    if failure is None:
        return "ok"
    rightly = http_status is not None and http.codes.is_client_error(http_status)
    if request.fault in _REFUSABLE and failure == "http" and rightly:
        return "refused"
    if request.fault == "oversized" and failure == "reset":  # the server closed while the request was still being sent
        return "refused"
    return "error"


async def probe(url: http.URL) -> None:
    """Connect and close without a byte, like the health checks of load balancers. Raises :class:`OSError`."""
    port = url.port or (443 if url.scheme == "https" else 80)
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, url.host, port)
    transport.abort()
