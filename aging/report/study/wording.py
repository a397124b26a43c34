"""What a study found, in words: who ages by how much, how far hosts differ, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aging.core import format
from aging.core.format import NONE
from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS
from aging.findings.first_limit import AGES
from aging.findings.study.types import (
    HostEffect,
    RateDifference,
    RateName,
    StudyFinding,
    StudyFindings,
    StudyRate,
    VariantDifference,
)
from aging.report.wording import TONE, Headline

_NAMED = 3

PER: Mapping[RateName, str] = {
    "per_request": "request",
    "per_token": "token",
    "current_per_hour": "h",
    "current_per_request": "request",
    "current_per_token": "token",
}
"""What each of the other rates is per."""

RATES: Mapping[RateName, str] = {
    "per_request": "per request",
    "per_token": "per token",
    "current_per_hour": "per hour, after the warm-up",
    "current_per_request": "per request, after the warm-up",
    "current_per_token": "per token, after the warm-up",
}
"""What each of them is called."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One deployment of one variant: its finding that decides, and all by which it ages.

    ``finding`` is that of its memory, or of the first indicator by which it ages where its memory does not.
    """

    variant: str
    deployment: str
    finding: StudyFinding
    ages_by: Sequence[StudyFinding]

    @property
    def verdict(self) -> str:
        return self.finding.verdict

    @property
    def tone(self) -> str:
        return TONE.get(self.verdict, "mute")


def decisions(findings: StudyFindings) -> Sequence[Decision]:
    """A decision per variant and deployment, in the order of the study; components belong to their deployment."""
    groups: dict[tuple[str, str], list[StudyFinding]] = {}
    for one in findings.findings:
        owner = one.deployment.partition("/")[0]
        if owner != HARNESS:
            groups.setdefault((one.variant, owner), []).append(one)
    order = {cell.variant: place for place, cell in reversed(list(enumerate(findings.cells)))}
    found = [_decision(*subject, own) for subject, own in groups.items()]
    return sorted(found, key=lambda one: order.get(one.variant, len(order)))


def subject(findings: StudyFindings, variant: str, deployment: str) -> str:
    """The name that tells a deployment of a variant from all others of the study."""
    several = {cell.variant for cell in findings.cells} | {one.variant for one in findings.findings}
    owners = {one.deployment for one in findings.findings if not one.deployment.startswith(HARNESS)}
    if len(several) <= 1:
        return deployment
    return variant if owners == {deployment} else f"{variant}, {deployment}"


def headline(findings: StudyFindings) -> Headline:
    """The decision over all variants and deployments."""
    found = decisions(findings)
    if not found:
        none = len(findings.missing) == len(findings.cells)
        return Headline("No cell has a result yet" if none else "No cell has a series that can be judged", "mute")
    word = "variant" if all(_name_of(findings, one) == one.variant for one in found) else "deployment"
    total, noun = len(found), word if len(found) == 1 else f"{word}s"
    for chosen, words, tone in (
        ([one for one in found if one.ages_by], "aging", "bad"),
        ([one for one in found if one.verdict == "step"], "grew in steps", "warn"),
        ([one for one in found if one.verdict == "capped"], "stand at a limit", "warn"),
        ([one for one in found if one.verdict == "inconclusive"], "undecided", "mute"),
    ):
        if chosen:
            names = [_name(findings, one) for one in chosen]
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            return Headline(f"{len(chosen)} of {total} {noun} {words}: {'; '.join(names[:_NAMED])}{more}", tone)
    return Headline(f"No aging found in {total} of {total} {noun}", "good")


def rate(finding: StudyFinding) -> tuple[str, str]:
    """The mean over hosts per hour and its interval."""
    return format.bounded(finding.indicator, finding.per_hour, finding.ci_per_hour, "h")


def other_rate(indicator: str, one: StudyRate) -> tuple[str, str]:
    """Another rate than the slope per hour, and its interval."""
    return format.bounded(indicator, one.estimate, one.ci, PER[one.rate])


def between_hosts(finding: StudyFinding, rate: StudyRate | None = None) -> tuple[str, str]:
    """The standard deviation between hosts, by default of the slope per hour, and its interval, or why it has none."""
    per, found = ("h", finding) if rate is None else (PER[rate.rate], rate)
    if found.host_sd is None:
        return NONE, NONE
    shown = format.size(finding.indicator, found.host_sd, per)
    if found.host_sd_ci is None:
        return shown, "none: hosts differ less than their errors allow"
    low, high = found.host_sd_ci
    below = "0" if low == 0 else format.size(finding.indicator, low, per)
    return shown, f"{below} to {format.size(finding.indicator, high, per) if high is not None else 'unbounded'}"


def cells_used(finding: StudyFinding) -> str:
    """``7 of 8 cells, 7 hosts``."""
    hosts = f"{finding.hosts} {'host' if finding.hosts == 1 else 'hosts'}"
    return f"{finding.used} of {finding.planned} {'cell' if finding.planned == 1 else 'cells'}, {hosts}"


def outlier(findings: StudyFindings, one: HostEffect) -> str:
    """Which host differs from the others in what, by how much, and what else is its own."""
    away = format.slope(one.indicator, one.deviation_per_hour, "h")
    text = f"{one.host}: {one.indicator} of {one.deployment} is {away} off the other hosts"
    if one.residual is not None:
        text += f" ({abs(one.residual):.1f} standard errors, q {format.probability(one.q)})"
    facts = findings.lone_facts(one.host)
    return f"{text}; it alone differs in {', '.join(facts)}." if facts else f"{text}; no known fact is its alone."


def unusual(finding: StudyFinding) -> bool:
    """Whether its hosts differ by more than chance, as the analysis has noted."""
    return "hosts_differ" in finding.note_codes


def levels(values: Mapping[str, Any]) -> str:
    """``threads = 4, rate = 2``: keys without their tables where that tells them apart; empty without a matrix."""
    last = [key.rpartition(".")[2] for key in values]
    keys = last if len(set(last)) == len(last) else values
    return ", ".join(f"{key} = {value}" for key, value in zip(keys, values.values(), strict=True))


def difference(one: VariantDifference, rate: RateDifference | None = None) -> tuple[str, str]:
    """How much more the other level grows, by default per hour, and the interval; a missing end is open."""
    value, limits, notes, per = one.per_hour, one.ci_per_hour, one.note_codes, "h"
    if rate is not None:
        value, limits, notes, per = rate.estimate, rate.ci, rate.note_codes, PER[rate.rate]
    if limits is None or None in limits:
        shown = format.slope(one.indicator, value, per)
        low, high = limits or (None, None)
        ends = [f"at least {format.slope(one.indicator, low, per)}"] if low is not None else []
        ends += [f"at most {format.slope(one.indicator, high, per)}"] if high is not None else []
        confounded = "not told from the host" if "host_confounded" in notes else NONE
        return shown, ", ".join(ends) or confounded
    return format.bounded(one.indicator, value, limits, per)


def _decision(variant: str, deployment: str, own: Sequence[StudyFinding]) -> Decision:
    memory = next((one for one in own if (one.deployment, one.indicator) == (deployment, PRIMARY)), None)
    ages = [one for one in own if one.verdict in AGES]
    first = memory if memory is not None and (memory.verdict in AGES or not ages) else None
    return Decision(variant, deployment, first or (ages or own)[0], ages)


def _name_of(findings: StudyFindings, one: Decision) -> str:
    return subject(findings, one.variant, one.deployment)


def _name(findings: StudyFindings, one: Decision) -> str:
    name = _name_of(findings, one)
    if one.ages_by and one.finding.indicator != PRIMARY:
        return f"{name} ({', '.join(_indicators(one))})"
    return f"{name} ({rate(one.finding)[0]})" if one.ages_by and one.finding.per_hour is not None else name


def _indicators(one: Decision) -> Iterator[str]:
    shown = list(dict.fromkeys(each.indicator for each in one.ages_by))
    yield from shown[:_NAMED]
    if len(shown) > _NAMED:
        yield f"{len(shown) - _NAMED} more"
