"""Whether what was observed ages, for ``aging observe --fail``."""

from __future__ import annotations

from collections.abc import Sequence

from aging.check.conditions import Condition, Judgement, Outcome, doubt, judge, parse_conditions
from aging.core import format
from aging.core.metrics import PRIMARY
from aging.findings.first_limit import AGES, at_limit, runs_out
from aging.findings.types import Finding, Findings

AGING = "aging"
"""What ``--fail`` means without a condition: it ages, by whatever indicator."""


def conditions_of(texts: Sequence[str]) -> Sequence[Condition | None]:
    """What ``--fail`` was given; None is "it ages". Raises MistakesError with every wrong text."""
    parsed = iter(parse_conditions([text for text in texts if text != AGING]))
    return [None if text == AGING else next(parsed) for text in texts]


def judge_observed(findings: Findings, conditions: Sequence[Condition | None], name: str) -> list[Judgement]:
    """Judge every condition on the observed deployment ``name``, as :func:`aging.check.conditions.judge` does."""
    return [
        _judge_aging(findings, name) if condition is None else judge(findings, [condition], [name])[0]
        for condition in conditions
    ]


def _judge_aging(findings: Findings, name: str) -> Judgement:
    """Failed if an indicator ages or is at its limit; passed if every one is decided and neither, over a complete run.

    What reaches its limit at the growth that was seen has not passed, whatever its verdict.
    """
    own = [one for one in findings.findings if one.deployment == name or one.deployment.startswith(f"{name}/")]
    fails = [one for one in own if one.verdict in AGES or at_limit(one)]
    if fails:
        return Judgement(name, None, Outcome.FAILED, f"{name}: {'; '.join(map(_fault, fails))}")
    why = doubt(findings, name)
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
