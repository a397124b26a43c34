"""Verdicts and controls in sentences; no sentence claims more than the finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aging.core import format
from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS
from aging.findings.first_limit import AGES, at_limit
from aging.findings.types import Control, Finding
from aging.report import outlook
from aging.report.places import where

MEANING: Mapping[str, str] = {
    "aging": "It grew, and the growth goes on: its rate did not fall over time.",
    "bounded": "It grew, but more and more slowly: a constant rate is excluded.",
    "step": "It jumped instead of growing.",
    "cyclic": "It rose and fell; no sustained growth was found.",
    "stable": "No sustained growth was found.",
    "inconclusive": "The data cannot tell whether it grows.",
    "declining": "It falls, and the fall goes on.",
    "exhausted": "It grew until it reached its limit.",
    "capped": "It grew at a steady rate until it stood still at its maximum: a full cache, or a limit.",
}

TONE: Mapping[str, str] = {
    "aging": "bad",
    "bounded": "good",
    "step": "warn",
    "cyclic": "good",
    "stable": "good",
    "inconclusive": "mute",
    "declining": "good",
    "exhausted": "bad",
    "capped": "warn",
}
"""Color class of a verdict; the word always stands beside the color."""

MARK: Mapping[str, str] = {
    "aging": "↗",
    "bounded": "⇥",
    "step": "⌐",
    "cyclic": "∿",
    "stable": "→",
    "inconclusive": "?",
    "declining": "↘",
    "exhausted": "⊤",
    "capped": "⊤",
}

_SHOWN = 3
"""Indicators that a headline names."""

_DRIVER: Mapping[str, str] = {
    "seconds": "the clock more closely than the requests or the tokens",
    "requests": "the requests more closely than the clock or the tokens",
    "tokens": "the tokens more closely than the clock or the requests",
}

PHASE: Mapping[str, str] = {
    "preparing": "never started its load",
    "running": "has no recorded end",
    "draining": "has no recorded end",
    "completed": "completed",
    "interrupted": "interrupted",
    "died": "ended early: what it watched has died",
    "failed": "failed",
}


def shown_name(deployment: str) -> str:
    """The name of a deployment; a process of the harness is marked as such."""
    prefix = f"{HARNESS}/"
    return f"harness · {deployment.removeprefix(prefix)}" if deployment.startswith(prefix) else deployment


def undecided(control: Control) -> bool:
    """Whether a control can neither pass nor fail, since its verdict is inconclusive."""
    return control.verdict == "inconclusive"


def failed(control: Control) -> bool:
    """Whether a control was found otherwise than expected."""
    return not control.passed and not undecided(control)


def outcome(control: Control) -> str:
    """The reason why a control passed or failed, in a few words."""
    if undecided(control):
        return "verdict inconclusive; measure longer"
    if control.expected == "not aging":
        return "not called aging" if control.passed else "called aging, which is wrong"
    if control.passed:
        return "the configured rate is in the interval"
    if control.verdict == "aging":
        return "leak found, but the configured rate is outside the interval"
    return "leak not found"


def explanation(finding: Finding | None) -> str:
    """A verdict as a sentence."""
    if finding is None:
        return "There is no series to analyze."
    if finding.slope_per_hour is None:
        return f"No slope could be computed from {finding.n} points."
    if finding.verdict == "inconclusive" and finding.ci_per_hour is not None and finding.ci_per_hour[0] > 0:
        return "It grew; the data cannot tell whether the growth goes on."
    return MEANING.get(finding.verdict, "")


def details(finding: Finding | None) -> list[str]:
    """Further facts of a finding, a sentence each."""
    if finding is None:
        return []
    sentences = [] if finding.outlook is None else [outlook.finding_sentence(finding)]
    if finding.late_slope_per_hour is not None and finding.verdict in ("aging", "bounded", "inconclusive"):
        sentences.append(f"Second half alone: {format.slope(finding.indicator, finding.late_slope_per_hour, 'h')}.")
    if finding.exponent is not None:
        power, low, high = finding.exponent
        sentences.append(f"Power of growth {power:.2f} [{low:.2f}, {high:.2f}]; constant leak 1, high-water mark 0.")
    if finding.verdict == "aging" and finding.slope_per_request is not None:
        sentences += _cause(finding)
    return [*sentences, *where(finding), *finding.notes]


def _cause(finding: Finding) -> Iterator[str]:
    if finding.slope_per_token is not None and finding.ci_per_token is not None:
        rate, ci = format.bounded(finding.indicator, finding.slope_per_token, finding.ci_per_token, "token")
        yield f"Growth per token {rate} [{ci}]."
    if finding.driver is not None:
        yield f"It follows {_DRIVER[finding.driver]}."
    elif finding.dose is None:
        yield "Time, requests and tokens rise together under this load, so the driver of the growth is unknown."


def detectable(finding: Finding | None) -> str:
    """The smallest growth that would have been found, for every verdict except ``aging``."""
    if finding is None or finding.verdict == "aging":
        return format.NONE
    if finding.minimum_detectable_per_hour is None:
        return "not known"
    return format.size(finding.indicator, finding.minimum_detectable_per_hour, "h")


@dataclass(frozen=True, slots=True)
class Headline:
    """The headline of the report, and its color class."""

    text: str
    tone: str


def headline(names: Sequence[str], findings: Mapping[tuple[str, str], Finding]) -> Headline:
    """The headline over the deployments under test: aging by any indicator, else by their primary one."""
    total = len(names)
    if not total:
        return Headline("No deployment under test", "mute")
    verdicts = {name: findings[name, PRIMARY].verdict for name in names if (name, PRIMARY) in findings}
    grew = {name: by for name in names if (by := _aging_by(name, findings))}
    if grew:
        which = ", ".join(name + (f" ({by})" if by != PRIMARY else "") for name, by in grew.items())
        return Headline(f"{len(grew)} of {total} {_deployments(total)} aging: {which}", "bad")
    at = [name for name in names if any(at_limit(one) for (of, _), one in findings.items() if of == name)]
    if at:
        return Headline(f"{len(at)} of {total} {_deployments(total)} at a limit: {', '.join(at)}", "bad")
    stepped = [name for name in names if verdicts.get(name) == "step"]
    if stepped:
        return Headline(f"{len(stepped)} of {total} {_deployments(total)} grew in steps: {', '.join(stepped)}", "warn")
    open_ = [name for name in names if verdicts.get(name, "inconclusive") == "inconclusive"]
    if open_:
        return Headline(f"Inconclusive for {len(open_)} of {total} {_deployments(total)}: {', '.join(open_)}", "mute")
    return Headline(f"No aging found in {total} of {total} {_deployments(total)}", "good")


def _aging_by(name: str, findings: Mapping[tuple[str, str], Finding]) -> str:
    """By what a deployment ages: memory alone where it does, else up to three indicators; empty if it does not."""
    own = [one for one in findings.values() if one.deployment == name or one.deployment.startswith(f"{name}/")]
    aging = [one.indicator for one in own if one.verdict in AGES]
    if (memory := findings.get((name, PRIMARY))) is not None and memory.verdict in AGES:
        return PRIMARY
    shown = list(dict.fromkeys(aging))
    return ", ".join(shown[:_SHOWN]) + (f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else "")


def _deployments(total: int) -> str:
    return "deployment" if total == 1 else "deployments"
