"""The CI gate: conditions on findings, each passed, failed or inconclusive."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from aging.campaign.errors import suggestion
from aging.core.errors import Mistake, MistakesError
from aging.core.metrics import ages_downwards
from aging.core.records import HARNESS
from aging.findings.problem_kinds import kind_description
from aging.findings.types import Finding, Findings

_CONDITION = re.compile(r"\s*([a-zA-Z][a-zA-Z0-9_]*(?:\{[^}]*\})?)\s*:\s*(per_hour|per_request)\s*>\s*([0-9.eE+-]+)\s*")


class Outcome(Enum):
    """The result of a condition."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Condition:
    """It fails where ``indicator:per > limit``; ``limit`` is in the indicator's unit, per hour or request."""

    indicator: str
    per: str
    limit: float

    def __str__(self) -> str:
        return f"{self.indicator}:{self.per} > {self.limit:g}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome of a condition on one deployment; ``condition`` is None for "it ages"."""

    deployment: str
    condition: Condition | None
    outcome: Outcome
    message: str


def parse_conditions(texts: Sequence[str]) -> list[Condition]:
    """Conditions as written on the command line. Raises :class:`MistakesError` with every wrong text."""
    conditions, mistakes = [], []
    for text in texts:
        match = _CONDITION.fullmatch(text)
        try:
            limit = float(match[3]) if match else None
        except ValueError:
            limit = None
        if match is None or limit is None:
            mistakes.append(
                Mistake(repr(text), "is not a condition; write 'INDICATOR:per_hour > NUMBER' or per_request")
            )
        else:
            conditions.append(Condition(match[1], match[2], limit))
    if mistakes:
        raise MistakesError("--fail", mistakes)
    return conditions


def check_names(
    conditions: Sequence[Condition],
    deployments: Sequence[str],
    known: Sequence[str],
    indicators: Sequence[str],
    verb: str = "check",
) -> None:
    """Raise MistakesError for a deployment or an indicator that the campaign does not have, before it is run."""
    mistakes = [
        Mistake("--deployment", f"unknown deployment {name!r}; {suggestion(name, known)}")
        for name in deployments
        if name not in known
    ]
    mistakes += [
        Mistake("--fail", f"unknown indicator {c.indicator!r}; {suggestion(c.indicator, indicators)}")
        for c in conditions
        if c.indicator not in indicators and not c.indicator.startswith("engine_")
    ]
    if mistakes:
        raise MistakesError(verb, mistakes)


def judge(
    findings: Findings, conditions: Sequence[Condition], deployments: Sequence[str], level: float = 1.0
) -> list[Judgement]:
    """Judge every condition on every named deployment.

    Inconclusive: no finding, or no proof that there is no leak, because a run is short or broken, a problem blocks the
    gate, or a control has an unexpected verdict. A failure also needs a p of at most ``level`` (early looks share one
    error probability).
    """
    by_name = {(finding.deployment, finding.indicator): finding for finding in findings.findings}
    return [
        _judgement(by_name.get((name, condition.indicator)), name, condition, doubt(findings, name), level)
        for name in deployments
        for condition in conditions
    ]


def doubt(findings: Findings, deployment: str) -> str | None:
    """Why the findings of a deployment cannot show that it does not age; None if they can."""
    for run in findings.runs:
        if run.deployment == deployment and run.validity != "complete":
            return f"replica {run.replica} is {run.validity}: {' '.join(run.reasons)}"
    for problem in findings.problems:
        if kind_description(problem.kind).blocks_gate and problem.deployment in (deployment, None):
            return problem.message
    for control in findings.controls:
        # Its verdict counts, not its rate: one 95 % interval in twenty misses the true rate.
        mistaken = (control.verdict == "aging") != (control.expected == "aging")
        if mistaken and control.deployment != deployment and not control.deployment.startswith(f"{HARNESS}/"):
            return f"the control {control.deployment} is {control.verdict}; expected {control.expected}"
    return None


def overall(judgements: Sequence[Judgement]) -> Outcome:
    """Failed if one condition failed, passed if all passed (at least one), else inconclusive."""
    outcomes = {judgement.outcome for judgement in judgements}
    if Outcome.FAILED in outcomes:
        return Outcome.FAILED
    return Outcome.PASSED if outcomes == {Outcome.PASSED} else Outcome.INCONCLUSIVE


def _judgement(finding: Finding | None, name: str, condition: Condition, why: str | None, level: float) -> Judgement:
    per_hour = condition.per == "per_hour"
    slope, interval = None, None
    if finding is not None:
        slope = finding.slope_per_hour if per_hour else finding.slope_per_request
        interval = finding.ci_per_hour if per_hour else finding.ci_per_request
    if slope is not None and interval is not None and ages_downwards(condition.indicator):
        slope, interval = -slope, (-interval[1], -interval[0])  # a limit on how fast it falls
    unit = condition.per.replace("_", " ")
    if finding is None or slope is None or interval is None:
        outcome = Outcome.INCONCLUSIVE
        text = f"no {unit} rate could be estimated" + (f": {why}" if why else _because(finding))
    else:
        text = f"{slope:,.1f} {unit} [{interval[0]:,.1f}, {interval[1]:,.1f}], verdict {finding.verdict}"
        if finding.verdict == "aging" and slope > condition.limit and (finding.p or 0.0) <= level:
            outcome = Outcome.FAILED
        elif why:
            outcome, text = Outcome.INCONCLUSIVE, f"{text}; not shown: {why}"
        elif interval[1] <= condition.limit:
            outcome = Outcome.PASSED
        else:
            outcome = Outcome.INCONCLUSIVE
    return Judgement(name, condition, outcome, f"{name}: {condition}: {text}")


def _because(finding: Finding | None) -> str:
    return "" if finding is None or not finding.notes else f": {' '.join(finding.notes)}"
