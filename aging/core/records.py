"""The frozen value types of the data path: readings, request records, events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal

from aging.core.clock import Stamp

HARNESS = "_harness"
"""Owner of the series of the harness, the host and the devices, which belong to no single deployment."""

TREE = "tree"
"""Entity of all processes of a deployment together; that of a component is below it (``tree/prefill``)."""

_PROCESS = "pid:"
"""Begins the last part of a single process's entity; no component's name has a colon."""

OTHERS = f"{TREE}/{_PROCESS}others"
"""Entity of the processes of a tree that have no rows of their own, together."""


def process_entity(pid: int, component: str = "") -> str:
    """The entity of one process of a tree: ``tree/pid:4123``, ``tree/prefill/pid:4123`` of a component's."""
    return "/".join(part for part in (TREE, component, f"{_PROCESS}{pid}") if part)


def is_process_entity(entity: str) -> bool:
    """Whether an entity is one process of a tree."""
    return entity.rpartition("/")[2].startswith(_PROCESS) and entity != OTHERS


def stored_under(sampler: str, entity: str) -> str:
    """The source of a sampler's rows: those of single processes are apart (``process-each``)."""
    return f"{sampler}-each" if entity.rpartition("/")[2].startswith(_PROCESS) else sampler


def component_of(entity: str) -> str:
    """The component in the entity of one process; empty where the deployment has one alone."""
    return "/".join(entity.split("/")[1:-1])


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where a process comes from: the pid of its parent, and its command line (None: as in an earlier row)."""

    parent: int
    command: str | None


@dataclass(frozen=True, slots=True)
class Reading:
    """The values that a sampler read from one entity at one tick.

    ``owner`` is the deployment (or :data:`HARNESS`); ``entity`` identifies a part of it (``tree``, ``gpu0``,
    ``client-vllm``); ``generation`` counts the starts of the server. A value that could not be read is absent from
    ``values`` and has its reason in ``missing``. ``pids`` are the processes that the values are summed over, if any.
    ``stamp`` is the time of the reading on this boot's clock, if later than the tick. ``lineage`` is that of a single
    process. ``described`` is what the names of the values do not show, as JSON, where it is new.
    """

    owner: str
    entity: str
    generation: int
    values: Mapping[str, float]
    missing: Mapping[str, str] = field(default_factory=dict)
    pids: Sequence[int] = ()
    stamp: Stamp | None = field(default=None, compare=False)
    lineage: Lineage | None = None
    described: str | None = None


Status = Literal["ok", "error", "dropped", "aborted", "refused"]
"""Outcome of a request; see :class:`RequestRecord`."""

Failure = Literal[
    "connect",
    "timeout",
    "reset",
    "truncated",
    "garbage",
    "too-long",
    "http",
    "redirect",
    "reported",
    "no-token",
    "wrong",
    "cut",
]
"""Kind of an error, in this order: no connection · no complete answer within the timeout · connection lost · answer
ended early · not an HTTP or SSE answer · a part exceeded a limit · a wrong HTTP status · a redirect, which is
not followed · an error reported in the stream · a complete answer without a token · a token that is not the one that
the server must send there, or one too few or too many · cut by the end of the run, or by a rejuvenation after its
`drain`."""


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request of the schedule: as planned, as sent, and its answer.

    All times are ``CLOCK_MONOTONIC`` seconds. ``status`` is ``ok``, ``error``, ``dropped`` (over the concurrency cap,
    never sent), or the intended outcome of a client fault: ``aborted`` (by the client) or ``refused`` (by the
    server). ``failure`` is the kind of an error (:data:`Failure`), ``error`` its message. ``held`` is true if it
    waited for a rejuvenation. ``itl_p50``, ``itl_p99`` and ``stall`` are the median, the 99th percentile and the
    maximum of the times between tokens, in seconds. ``counted`` is true if the client counted ``output_tokens``
    because the answer had no usage. A plain request has no tokens: first and last are the bytes of its answer's
    body, or the head of an answer without one.
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


_ALWAYS = tuple(column.name for column in fields(RequestRecord) if column.default is MISSING)

REQUEST_DEFAULTS: Mapping[str, Any] = {
    column.name: column.default for column in fields(RequestRecord) if column.default is not MISSING
}
"""Values of the columns that a stored record leaves out."""


def request_row(request: RequestRecord) -> dict[str, Any]:
    """The record as a row for storage, without values that equal :data:`REQUEST_DEFAULTS`."""
    row = {name: getattr(request, name) for name in _ALWAYS}
    for name, default in REQUEST_DEFAULTS.items():
        if (value := getattr(request, name)) != default:
            row[name] = value
    return row


CHOICES = 2
"""Number of answers of a request with ``n``: the smallest that makes a server branch."""
