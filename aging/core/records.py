"""The value types that travel along the data path. Frozen; nothing here does anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal

from aging.core.clock import Stamp

HARNESS = "_harness"
"""Owner of every series that belongs to no single deployment: the harness, the host, the devices."""

TREE = "tree"
"""Entity of a deployment as a whole, of all its processes together; a component's is below it (``tree/prefill``)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a sampler saw of one entity at one tick.

    ``owner`` is the deployment the values belong to (or :data:`HARNESS`);
    ``entity`` tells things of one owner apart (``tree``, ``gpu0``, ``client-vllm``);
    ``generation`` is which life of the serving process was read.
    A value that could not be had is absent from ``values`` and has its reason in ``missing``.
    ``pids`` are the processes that the values are sums over, where they are.
    ``stamp`` is when the values were had, on this boot's clock, where that is later than the tick.
    """

    owner: str
    entity: str
    generation: int
    values: Mapping[str, float]
    missing: Mapping[str, str] = field(default_factory=dict)
    pids: Sequence[int] = ()
    stamp: Stamp | None = field(default=None, compare=False)


Status = Literal["ok", "error", "dropped", "aborted", "refused"]
"""What became of a request; see :class:`RequestRecord`."""

Failure = Literal[
    "connect", "timeout", "reset", "truncated", "garbage", "too-long", "http", "redirect", "reported", "no-token", "cut"
]
"""Why a request is an error: no connection could be made · no whole answer in its time · the connection was lost ·
the answer ended before its end · what came is no answer · a part of it was over a limit · another HTTP status than
200 · a redirect, which is not followed · the stream told of an error · a whole answer without a token · the run
ended first."""


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request of the schedule: what was planned, what was sent, what came back.

    All times are ``CLOCK_MONOTONIC`` seconds. ``status`` is ``ok``, ``error``,
    ``dropped`` (over the concurrency cap, never sent), or for an impolite request what
    was to come of it: ``aborted`` (by us, as planned) or ``refused`` (by the server,
    rightly). ``failure`` is the kind of an error (:data:`Failure`), ``error`` its words. ``held`` tells
    that it waited for a rejuvenation to end. ``itl_p50``, ``itl_p99`` and ``stall`` are
    the median, the 99th percentile and the longest of the times between tokens, in
    seconds; ``counted`` that ``output_tokens`` was counted by us, for want of a usage.
    """

    index: int
    generation: int
    scheduled: float
    sent: float | None
    first_token: float | None
    last_token: float | None
    finished: float
    streaming: bool
    prompt_tokens: int
    output_tokens_asked: int
    output_tokens: int | None
    http_status: int | None
    status: Status
    error: str | None
    held: bool
    failure: Failure | None = None
    itl_p50: float | None = None
    itl_p99: float | None = None
    stall: float | None = None
    counted: bool = False
    load_class: str = ""
    options: str = ""
    fault: str = ""


_ALWAYS = tuple(told.name for told in fields(RequestRecord) if told.default is MISSING)

REQUEST_DEFAULTS: Mapping[str, Any] = {
    told.name: told.default for told in fields(RequestRecord) if told.default is not MISSING
}
"""What a record means that does not tell these."""


def recorded(request: RequestRecord) -> dict[str, Any]:
    """The record as a row: what is as :data:`REQUEST_DEFAULTS` has it is left out."""
    row = {name: getattr(request, name) for name in _ALWAYS}
    for name, default in REQUEST_DEFAULTS.items():
        if (value := getattr(request, name)) != default:
            row[name] = value
    return row


CHOICES = 2
"""Answers that a request with ``n`` asks for: the least that makes a server branch."""
