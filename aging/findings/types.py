"""The value types of findings.json. Frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any, Literal

from aging.findings.gate import GateResult
from aging.stats.note import Note

SCHEMA = 1
"""The format of findings.json that this release writes and reads."""

Verdict = Literal["aging", "bounded", "step", "cyclic", "stable", "inconclusive", "declining", "exhausted", "capped"]


@dataclass(frozen=True, slots=True)
class Dose:
    """Growth in phases of different load, split into a part per request and a part per hour.

    Rates are in the indicator's unit per request and per hour. ``same_p`` is the
    probability of "every loaded phase grew by the same amount a request", which holds for a
    leak and not for a high-water mark.
    """

    phases: int
    per_request: float
    ci_per_request: tuple[float, float]
    per_hour: float
    ci_per_hour: tuple[float, float]
    share_of_requests: float | None
    same_p: float | None


@dataclass(frozen=True, slots=True)
class ProcessGrowth:
    """The part of one process in the growth of its tree.

    ``label`` is its place (``worker 3 of 4``), the same for the processes that took that place in turn, whose number
    is ``lives``; ``pid`` and ``command`` are those of the last of them. ``share`` is its part of the tree's growth.
    ``started`` is when the last of them started, ``grows_since`` when its memory began to rise, in UTC;
    ``grew_before`` says that it rose from its first reading on, in a process that is older.
    """

    label: str
    pid: int | None
    command: str | None
    lives: int
    per_hour: float
    share: float
    started: str | None = None
    grows_since: str | None = None
    grew_before: bool = False


MemoryKind = Literal["heap", "anonymous mappings", "stacks", "modified files"]


@dataclass(frozen=True, slots=True)
class KindGrowth:
    """The part of one kind of mapping in the growth of anonymous memory plus swap."""

    kind: MemoryKind
    per_hour: float
    share: float


@dataclass(frozen=True, slots=True)
class CountChange:
    """What else changed over the window.

    ``threads`` and ``open_files`` are differences, ``open_files_by_kind`` those by kind (``socket``, ``pipe``,
    ``file``, ``anonymous``, ``other``). Each of the new ``stacks`` of threads reserved and holds these bytes.
    """

    threads: int | None
    open_files: int | None
    open_files_by_kind: Mapping[str, int]
    stacks: int
    stack_reserved_bytes: float | None
    stack_resident_bytes: float | None


@dataclass(frozen=True, slots=True)
class GrowthPlaces:
    """Where the memory of a process tree grew in the late part of a run, the last ``seconds`` of ``replica``.

    ``named`` is the label of the process that clearly makes the growth, None where no process does; ``kinds`` and
    ``counts`` are of that process, of the whole tree where none is named or several took its place. ``beside`` are the
    growths per hour of what is not in the leak indicator: ``shared memory``, ``mapped files`` and ``device memory``;
    ``allocator`` those of ``in use`` and ``kept free``, with the allocator probe.
    """

    replica: int
    seconds: float
    per_hour: float
    named: str | None
    processes: Sequence[ProcessGrowth]
    kinds: Sequence[KindGrowth]
    counts: CountChange
    beside: Mapping[str, float]
    allocator: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Outlook:
    """Whether an indicator reaches its ``limit`` within ``horizon_hours`` of the end of its series (``since``, UTC).

    ``left`` is what is left to the limit, ``most`` the most that it grows in that
    time, in its unit. ``earliest_hours`` and ``latest_hours`` are when the upper and
    the lower bound of its growth reach the limit, None: never. ``longer_hours`` is
    how much longer to measure for an answer. ``limit_name`` says what sets the limit (``its control group's 4 GiB``);
    where others use it as well, ``limit`` is what is left to the indicator.
    """

    answer: Literal["safe", "exhausts", "undecided"]
    limit: float
    horizon_hours: float
    left: float
    most: float | None
    earliest_hours: float | None
    latest_hours: float | None
    longer_hours: float | None = None
    since: str | None = None
    limit_name: str | None = None


@dataclass(frozen=True, slots=True)
class ReplicaEstimate:
    """What one replica says of an indicator, before it is pooled.

    Rates are in the indicator's unit per hour, with 95 % intervals; ``weight`` is its share of the pooled slope, from 0
    to 1.
    """

    replica: int
    n: int
    verdict: Verdict
    slope_per_hour: float | None
    ci_per_hour: tuple[float, float] | None
    current_per_hour: float | None
    current_ci_per_hour: tuple[float, float] | None
    weight: float | None


@dataclass(frozen=True, slots=True)
class Finding:
    """The statistics of one indicator of one deployment, pooled over its replicas.

    Rates are in the indicator's unit per hour, per request sent and per token
    (prompts and answers); a ``*_total`` counter is analyzed as its per-second rate. ``q`` is ``p`` after
    false-discovery control over the campaign. ``late_slope_per_hour`` is that of
    the window's second half; ``exponent`` the power of growth with its interval (1:
    a constant leak). ``disagreement`` is I², percent of the replicas' spread that
    is not chance. ``exhaustion_hours`` is when the limit is met at this rate,
    with the earliest and the latest. ``current_per_hour`` is the rate after the
    warm-up, ``growth_axis`` what the growth follows (``seconds``, ``requests``,
    ``tokens``) and ``current_per_unit`` the rate per request or token where it is one
    of these; ``share`` bounds the late rate as a part of the early one, and ``steps``
    counts rising steps of growth that comes in steps. ``driver`` is what explains the growth best
    (``seconds``, ``requests`` or ``tokens``), where the load varied enough.
    ``note_codes`` holds one code for each of ``notes``. ``places`` say where the growth is, one entry a replica, of a
    deployment's memory that grew. ``by_replica`` has the estimate of each replica. What is not known is ``None``.
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
    note_codes: Sequence[str] = ()
    places: Sequence[GrowthPlaces] = ()
    current_per_hour: float | None = None
    current_ci_per_hour: tuple[float, float] | None = None
    growth_axis: str | None = None
    current_per_unit: float | None = None
    current_ci_per_unit: tuple[float, float] | None = None
    share: tuple[float | None, float | None] | None = None
    steps: int | None = None
    outlook: Outlook | None = None
    by_replica: Sequence[ReplicaEstimate] = ()

    def with_notes(self, notes: Sequence[Note]) -> Finding:
        """The same finding with these notes and their codes, in place of its own."""
        return replace(self, notes=tuple(map(str, notes)), note_codes=tuple(note.code for note in notes))

    def noted(self) -> tuple[Note, ...]:
        """Its notes, each with its code, which is empty in files of releases that wrote none."""
        pairs = zip_longest(self.note_codes, self.notes, fillvalue="")
        return tuple(Note(code, message) for code, message in pairs)

    def _repr_html_(self) -> str:
        from aging.findings.html import finding_html  # noqa: PLC0415 - notebooks alone

        return finding_html(self)


@dataclass(frozen=True, slots=True)
class Control:
    """A deployment whose aging is known, and whether its verdict and its rate match."""

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
    """A fault of the measurement that weakens the verdicts. ``at_seconds`` counts from the campaign's start."""

    deployment: str | None
    kind: str
    message: str
    at_seconds: float | None = None


Validity = Literal["complete", "short", "broken"]


@dataclass(frozen=True, slots=True)
class RunValidity:
    """The validity of one run, with reasons: ``complete``, ``short`` (sound as far as it goes) or ``broken``.

    ``measured_share`` is the part of its planned window that was sampled, ``failed_share`` that of its requests that
    failed or were dropped. ``base``, ``point`` and ``levels`` are its place in a designed experiment.
    ``reason_codes`` holds one code for each of ``reasons``.
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
    reason_codes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class FactorEffect:
    """One term of an experiment: the effect of a factor, or of two together, on the leak rate.

    ``effect`` is the change of the rate from the first level to the second, None for more levels; ``means`` the mean
    rates by level of a single factor. ``q`` is ``p`` after false-discovery control over the experiment's terms.
    ``aliases`` are terms that the design cannot separate from it. What is not known is None.
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

    ``runs`` were used, at ``points`` different points. ``error_sd`` is the standard deviation of a
    repeated run's rate on ``error_df`` degrees of freedom; ``lack_of_fit_p`` the p of "the terms explain the points".
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
    note_codes: Sequence[str] = ()


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
class Unjudged:
    """A series of an engine's metrics that was sampled and is not judged: its last ``value``, and why.

    ``code`` is ``constant``, ``work`` (a count of it is the load), ``clock``, ``sum_of_shares``, ``one_bucket`` (a
    quantile that never leaves one bucket of its histogram), ``summed`` (label sets without columns of their own) or
    ``too_many``.
    """

    deployment: str
    series: str
    code: str
    reason: str
    value: float | None


@dataclass(frozen=True, slots=True)
class FirstTokens:
    """Times to first token of ``answers`` streamed answers, in seconds, since they were sent, or due where a
    rejuvenation held them. None where there was no such answer.
    """

    answers: int
    p50: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class LevelChange:
    """What a rejuvenation did to one indicator, in its unit.

    ``before`` and ``after`` are medians of the last samples before it and of the first minute after it (of a tenth of
    the time until the next one, where that is shorter); ``freed`` is their difference. Rates are those of the
    generation before and of the one after, with 95 % intervals; without a new generation those of the time between
    two rejuvenations. ``back_hours`` after the end of the rejuvenation the level ``before`` is reached again:
    ``back_measured``, or at the rate after; None: it is not known to be, or nothing was freed.
    """

    indicator: str
    before: float | None
    after: float | None
    freed: float | None
    rate_before_per_hour: float | None
    ci_before_per_hour: tuple[float, float] | None
    rate_after_per_hour: float | None
    ci_after_per_hour: tuple[float, float] | None
    back_hours: float | None
    back_measured: bool


RejuvenationOutcome = Literal["helped", "unhelpful", "failed", "undone", "unfinished"]


@dataclass(frozen=True, slots=True)
class RejuvenationEffect:
    """One rejuvenation of a run: why, what was done, what it cost and what it brought.

    ``at_seconds`` counts from the start of the load, ``wall`` is UTC; ``seconds`` is from its start to its end, with
    ``stages`` by name. ``policy`` is the kind of policy, ``table`` the name of its table, ``numbers`` those that made
    its decision. ``generation_after`` is that of the server that served afterwards, None where no server did.

    Requests: ``lost`` by kind of failure (``dropped``, ``no-record``) are those that were due or in flight while it
    lasted, or waited because of it, and failed; ``unsent`` were due while no load process ran and are not among them.
    ``held`` waited ``held_median_seconds`` and so on, ``cut`` are those in flight that were ended. ``retried`` is 0 by
    construction: the client sends a request once; ``duplicated`` counts records of requests beyond their first.
    ``unavailable_seconds``: how long no new request was answered.

    ``ttft_before`` is of the five minutes before it, ``ttft_during`` of requests due while it lasted or held requests
    were left, ``ttft_after`` of the five minutes after that. ``steady_after_minutes`` after its end the times to first
    token stay within those before; None where they did not while that was recorded, or where there are too few.
    """

    deployment: str
    replica: int
    generation_before: int
    generation_after: int | None
    action: str
    policy: str
    table: str
    reason: str
    numbers: Mapping[str, float]
    at_seconds: float | None
    wall: str
    seconds: float | None
    stages: Mapping[str, float]
    outcome: RejuvenationOutcome
    why: str
    arrived: int
    lost: Mapping[str, int]
    unsent: int
    held: int
    held_median_seconds: float | None
    held_p99_seconds: float | None
    held_longest_seconds: float | None
    cut: int
    retried: int
    duplicated: int
    unavailable_seconds: float
    ttft_before: FirstTokens
    ttft_during: FirstTokens
    ttft_after: FirstTokens
    steady_after_minutes: float | None
    levels: Sequence[LevelChange]

    @property
    def lost_total(self) -> int:
        return sum(self.lost.values())

    def level(self, indicator: str) -> LevelChange | None:
        """What it did to an indicator."""
        return next((one for one in self.levels if one.indicator == indicator), None)


@dataclass(frozen=True, slots=True)
class DecisionsNotCarriedOut:
    """Decisions of a run's policy that one ``rule`` kept from being carried out, ``count`` of them in the journal.

    The rules are those of ``rejuvenation_decided`` (``distance``, ``budget``, ``dry-run`` and so on). ``disarmed`` is
    there as soon as the policy is disarmed, even if it decided nothing afterwards. Times count from the start of the
    load; ``reason`` is that of the last decision, ``why`` the rule in words.
    """

    deployment: str
    replica: int
    policy: str
    rule: str
    count: int
    first_seconds: float | None
    last_seconds: float | None
    reason: str
    why: str


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """What a deployment's policy cost and brought, in all of its replicas together.

    ``policy`` is ``none`` where no table applies. ``hours`` is the time of load that was planned for its runs, and
    began. ``requests`` have a record, ``lost`` of them failed or were dropped, whatever the cause, and ``held`` waited.
    ``unavailable_seconds`` is the time in which no new request was answered: held, failing, or after a crash.
    ``ttft_p50_seconds`` and ``ttft_p99_seconds`` count from when a held request was due. ``peak_bytes`` is the most
    anonymous memory plus swap under load, of two generations together where they ran side by side.
    """

    deployment: str
    policy: str
    table: str
    base: str | None
    replicas: int
    hours: float
    rejuvenations: int
    failed: int
    crashes: int
    requests: int
    lost: int
    held: int
    held_longest_seconds: float | None
    unavailable_seconds: float
    ttft_p50_seconds: float | None
    ttft_p99_seconds: float | None
    peak_bytes: float | None

    def cost(self, rejuvenation: float, crash: float) -> float:
        """What it cost, where a rejuvenation, failed or not, and a crash cost this much."""
        return (self.rejuvenations + self.failed) * rejuvenation + self.crashes * crash


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
    unjudged: Sequence[Unjudged] = ()
    rejuvenations: Sequence[RejuvenationEffect] = ()
    decisions_not_carried_out: Sequence[DecisionsNotCarriedOut] = ()
    policies: Sequence[PolicyResult] = ()
    gate: GateResult | None = None
    """What `aging check` decided, where it ran the campaign."""
    aging_version: str | None = None
    """The release that computed them."""

    def _repr_html_(self) -> str:
        from aging.findings.html import findings_html  # noqa: PLC0415 - notebooks alone

        return findings_html(self)


@dataclass(frozen=True, slots=True)
class SmokeCheck:
    """One check of a deployment. ``warn`` is reported and does not fail it."""

    name: Literal["ready", "answered", "errors", "indicators", "client"]
    status: Literal["ok", "warn", "fail"]
    message: str


@dataclass(frozen=True, slots=True)
class SmokeVerdict:
    """The checks of one deployment in a smoke run."""

    deployment: str
    checks: Sequence[SmokeCheck]

    @property
    def passed(self) -> bool:
        return all(check.status != "fail" for check in self.checks)
