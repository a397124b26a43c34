"""Whether what was observed ages, for ``aging observe --fail``: its conditions, on findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from aging.check.conditions import Condition, conditions_and_mistakes
from aging.check.faults import doubts_of_problems, doubts_of_runs
from aging.core import format
from aging.core.errors import Mistake, MistakesError
from aging.core.metrics import PRIMARY, ages_downwards
from aging.findings.first_limit import AGES, at_limit, runs_out
from aging.findings.types import Finding, Findings

AGING = "aging"
"""What ``--fail`` means without a condition: it ages, by whatever indicator."""


class Outcome(Enum):
    """The result of a condition."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The outcome of a condition on what was observed; ``condition`` is None for "it ages"."""

    deployment: str
    condition: Condition | None
    outcome: Outcome
    message: str


def conditions_of(texts: Sequence[str]) -> Sequence[Condition | None]:
    """What ``--fail`` was given; None is "it ages". Raises MistakesError with every wrong text."""
    parsed: list[Condition | None] = []
    mistakes: list[Mistake] = []
    for text in texts:
        if text == AGING:
            parsed.append(None)
            continue
        conditions, wrong = conditions_and_mistakes([text])
        mistakes += wrong
        for one in conditions:
            parsed.append(one)
            if one.quantity == "growth_total" or one.percent:
                mistakes.append(Mistake(repr(text), "an observation is judged by a rate; write per_hour and a number"))
    if mistakes:
        raise MistakesError("--fail", mistakes)
    return parsed


def judge_observed(findings: Findings, conditions: Sequence[Condition | None], name: str) -> list[Judgement]:
    """Judge every condition on the observed deployment ``name``.

    A condition fails where the growth is called aging and its lower bound is above the limit, and passes where the
    upper bound is below it and no fault of the measurement forbids that.
    """
    return [
        _judge_aging(findings, name) if condition is None else _judge(findings, condition, name)
        for condition in conditions
    ]


def overall(judgements: Sequence[Judgement]) -> Outcome:
    """Failed if one condition failed, passed if all passed (at least one), else inconclusive."""
    outcomes = {judgement.outcome for judgement in judgements}
    if Outcome.FAILED in outcomes:
        return Outcome.FAILED
    return Outcome.PASSED if outcomes == {Outcome.PASSED} else Outcome.INCONCLUSIVE


def _judge(findings: Findings, condition: Condition, name: str) -> Judgement:
    finding = next(
        (one for one in findings.findings if (one.deployment, one.indicator) == (name, condition.indicator)), None
    )
    rate, interval = _rate(finding, condition)
    why, unit = _doubt(findings, name), condition.quantity.replace("_", " ")
    if finding is None or rate is None or interval is None:
        notes = "" if finding is None or not finding.notes else f": {' '.join(finding.notes)}"
        text = f"no {unit} rate could be estimated" + (f": {why}" if why else notes)
        return Judgement(name, condition, Outcome.INCONCLUSIVE, f"{name}: {condition}: {text}")
    text = f"{rate:,.1f} {unit} [{interval[0]:,.1f}, {interval[1]:,.1f}], verdict {finding.verdict}"
    outcome = Outcome.INCONCLUSIVE
    if finding.verdict == AGING and interval[0] > condition.limit:
        outcome = Outcome.FAILED
    elif why is not None:
        text = f"{text}; not shown: {why}"
    elif interval[1] < condition.limit:
        outcome = Outcome.PASSED
    return Judgement(name, condition, outcome, f"{name}: {condition}: {text}")


def _rate(finding: Finding | None, condition: Condition) -> tuple[float | None, tuple[float, float] | None]:
    """The rate in the direction of aging, with its interval."""
    if finding is None:
        return None, None
    hourly = condition.quantity == "per_hour"
    slope = finding.slope_per_hour if hourly else finding.slope_per_request
    interval = finding.ci_per_hour if hourly else finding.ci_per_request
    if slope is not None and interval is not None and ages_downwards(condition.indicator):
        return -slope, (-interval[1], -interval[0])
    return slope, interval


def _doubt(findings: Findings, name: str) -> str | None:
    """Why the findings of a deployment cannot show that it does not age; None if they can."""
    doubts = [*doubts_of_runs(findings.runs, [name]), *doubts_of_problems(findings.problems, [name])]
    return doubts[0].message if doubts else None


def _judge_aging(findings: Findings, name: str) -> Judgement:
    """Failed if an indicator ages or is at its limit; passed if every one is decided and neither, over a complete run.

    What reaches its limit at the growth that was seen has not passed, whatever its verdict.
    """
    own = [one for one in findings.findings if one.deployment == name or one.deployment.startswith(f"{name}/")]
    fails = [one for one in own if one.verdict in AGES or at_limit(one)]
    if fails:
        return Judgement(name, None, Outcome.FAILED, f"{name}: {'; '.join(map(_fault, fails))}")
    why = _doubt(findings, name)
    if why is None and not any(one.indicator == PRIMARY for one in own):
        why = "its memory was not read"
    if why is None:
        undecided = [one.indicator for one in own if one.verdict == "inconclusive"]
        why = f"{', '.join(undecided)}: inconclusive; observe longer" if undecided else None
    if why is None:
        nearing = [one.indicator for one in own if runs_out(one)]
        why = f"{', '.join(nearing)}: reaches its limit if it goes on; observe longer" if nearing else None
    if why is not None:
        return Judgement(name, None, Outcome.INCONCLUSIVE, f"{name}: not decided whether it ages: {why}")
    return Judgement(name, None, Outcome.PASSED, f"{name}: {len(own)} indicators, none ages")


def _fault(one: Finding) -> str:
    if one.outlook is not None and at_limit(one):
        return f"{one.indicator} is at {one.outlook.limit_name or 'its limit'}"
    return f"{one.indicator} {one.verdict}, {format.slope(one.indicator, one.slope_per_hour, 'h', one.ci_per_hour)}"
