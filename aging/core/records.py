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

Verdict = Literal["aging", "bounded", "step", "cyclic", "stable", "inconclusive"]


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


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the journal."""

    stamp: Stamp
    kind: str
    deployment: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dose:
    """Growth in phases of different load, split into what the requests drove and what the clock did.

    Rates are in the indicator's unit per request and per hour. ``same_p`` is the
    probability of "every loaded phase grew by the same amount a request", as a
    leak does and a high-water mark does not.
    """

    phases: int
    per_request: float
    ci_per_request: tuple[float, float]
    per_hour: float
    ci_per_hour: tuple[float, float]
    share_of_requests: float | None
    same_p: float | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What the statistics say of one indicator of one deployment, pooled over its replicas.

    Rates are in the indicator's unit per hour, per request sent and per token
    (prompts and answers); a ``*_total`` counter is analysed as its per-second rate. ``q`` is ``p`` after
    false-discovery control over the campaign. ``late_slope_per_hour`` is that of
    the window's second half; ``exponent`` the power of growth with its interval (1:
    a constant leak). ``disagreement`` is I², percent of the replicas' spread that
    is not chance. ``exhaustion_hours`` is when the limit is met at this rate,
    with the earliest and the latest. ``driver`` is what explains the growth best
    (``seconds``, ``requests`` or ``tokens``), where the load varied enough to tell.
    Not known is ``None``.
    """

    deployment: str
    indicator: str
    replicas: int
    n: int
    verdict: Verdict
    shape: str | None
    slope_per_hour: float | None
    ci_per_hour: tuple[float, float] | None
    slope_per_request: float | None
    ci_per_request: tuple[float, float] | None
    p: float | None
    q: float | None
    minimum_detectable_per_hour: float | None
    tests: Mapping[str, float | None]
    n_effective: float | None = None
    late_slope_per_hour: float | None = None
    exponent: tuple[float, float, float] | None = None
    disagreement: float | None = None
    mechanism: str | None = None
    slope_per_token: float | None = None
    ci_per_token: tuple[float, float] | None = None
    driver: str | None = None
    dose: Dose | None = None
    exhaustion_hours: tuple[float, float | None, float | None] | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Control:
    """A deployment whose ageing is known, and whether the instrument saw just that."""

    deployment: str
    indicator: str
    expected: Literal["aging", "not aging"]
    expected_per_hour: float | None
    verdict: Verdict
    slope_per_hour: float | None
    ci_per_hour: tuple[float, float] | None
    passed: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about the measurement that a reader of the verdicts must know."""

    deployment: str | None
    kind: str
    message: str
    at_seconds: float | None = None


Validity = Literal["complete", "short", "broken"]


@dataclass(frozen=True, slots=True)
class RunValidity:
    """What one run is worth, and why: ``complete``, ``short`` (sound as far as it goes) or ``broken``.

    ``measured_share`` is the part of its planned window that was sampled, ``failed_share`` that of its requests that
    failed or were dropped. ``base``, ``point`` and ``levels`` are what a designed experiment made it of.
    """

    deployment: str
    replica: int
    attempt: int
    validity: Validity
    reasons: Sequence[str]
    measured_share: float | None
    failed_share: float | None
    base: str | None = None
    point: int | None = None
    levels: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FactorEffect:
    """One term of an experiment: what a factor, or two together, did to the leak rate.

    ``effect`` is the change of the rate from the first level to the second, None for more levels; ``means`` the mean
    rates by level of a single factor. ``q`` is ``p`` after false-discovery control over the experiment's terms.
    ``aliases`` are terms that the design cannot tell from it. Not known is None.
    """

    term: str
    effect: float | None
    ci: tuple[float, float] | None
    f: float | None
    df: int
    p: float | None
    q: float | None
    means: Mapping[str, float | None]
    aliases: Sequence[str]


@dataclass(frozen=True, slots=True)
class Experiment:
    """The effects of a designed experiment on one indicator's rate, ``per`` hour or request.

    ``runs`` are those that could be used, of ``points`` different points. ``error_sd`` is the standard deviation of a
    repeated run's rate on ``error_df`` degrees of freedom; ``lack_of_fit_p`` is of "the terms explain the points".
    """

    deployment: str
    indicator: str
    per: Literal["hour", "request"]
    runs: int
    points: int
    mean: float | None
    error_sd: float | None
    error_df: int
    lack_of_fit_p: float | None
    effects: Sequence[FactorEffect]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Attainment:
    """How well a deployment kept the objectives of one class of requests.

    ``objectives`` are seconds, by ``ttft``, ``tpot`` and ``e2e``. ``attainment`` is the
    share of the ``judged`` requests that met all of them, ``goodput`` such requests per
    second; the same of the first and the last ``edge_seconds`` of the window.
    """

    deployment: str
    load_class: str
    objectives: Mapping[str, float]
    judged: int
    met: int
    attainment: float | None
    goodput: float | None
    edge_seconds: float
    first_attainment: float | None
    first_goodput: float | None
    last_attainment: float | None
    last_goodput: float | None


@dataclass(frozen=True, slots=True)
class Findings:
    """The whole of ``findings.json``; see ``docs/findings.md`` for the contract."""

    schema: int
    campaign: str
    started: str
    findings: Sequence[Finding]
    controls: Sequence[Control]
    problems: Sequence[Problem]
    objectives: Sequence[Attainment] = ()
    runs: Sequence[RunValidity] = ()
    experiments: Sequence[Experiment] = ()
