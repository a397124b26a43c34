"""The value types of findings.json. Frozen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["aging", "bounded", "step", "cyclic", "stable", "inconclusive"]


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


@dataclass(frozen=True, slots=True)
class SmokeCheck:
    """One thing that was asked of a deployment. ``warn`` is told and does not fail it."""

    name: Literal["ready", "answered", "errors", "indicators", "client"]
    status: Literal["ok", "warn", "fail"]
    message: str


@dataclass(frozen=True, slots=True)
class SmokeVerdict:
    """What a smoke run says of one deployment."""

    deployment: str
    checks: Sequence[SmokeCheck]

    @property
    def passed(self) -> bool:
        return all(check.status != "fail" for check in self.checks)
