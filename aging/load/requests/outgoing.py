"""A request of the schedule as it is sent: method, path, headers and body."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

from aging.core.endpoint import Endpoint
from aging.load.requests.bodies import content, path
from aging.load.requests.prompts import messages
from aging.load.requests.written import WrittenRequest
from aging.load.schedule.planned_request import PlannedRequest

_KEPT = "!$%&'()*+,/:;=?@[]~"
"""What a path and a query may have (RFC 3986); what is escaped already stays so."""

_JSON: Mapping[str, str] = {"Content-Type": "application/json"}


class Outgoing(NamedTuple):
    """What is sent. ``expect`` are the statuses of a right answer; None: a completion is asked for."""

    method: str
    path: str
    headers: Mapping[str, str]
    content: bytes
    expect: Collection[int] | None = None


def outgoing(
    endpoint: Endpoint, request: PlannedRequest, seed: int, written: Sequence[WrittenRequest] = ()
) -> Outgoing:
    """The request in the endpoint's protocol, or as it is written out. ``written`` are the load's plain requests."""
    if request.written < 0:
        return completion(endpoint, request, messages(request, seed))
    one = written[request.written]
    target, headers, body = one.filled(request.number, f"{seed}/{request.load_class}/random")
    return Outgoing(one.method, quote(target, safe=_KEPT), headers, body, one.expect)


def completion(endpoint: Endpoint, request: PlannedRequest, said: Sequence[str]) -> Outgoing:
    """The request for a completion of these messages."""
    return Outgoing("POST", path(endpoint, request), _JSON, content(endpoint, request, said))
