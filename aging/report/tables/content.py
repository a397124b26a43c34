"""The tables as values: cells of text, before a format writes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from aging.core import format
from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS
from aging.findings.problem_kinds import kind_description
from aging.findings.types import Control, Finding, Findings, Problem
from aging.report import outlook, wording
from aging.store.manifest import ManifestDeployment

CellKind = Literal["name", "text", "number"]
"""``name`` is an identifier, as it is written in a file; ``number`` is a figure with its unit."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading and what its cells hold."""

    title: str
    kind: CellKind


@dataclass(frozen=True, slots=True)
class Table:
    """A table with ``key`` (an anchor, a label), its caption, and rows of as many cells as there are columns."""

    key: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]


_RATE = (Column("Per hour", "number"), Column("95 % interval", "number"))
_VERDICTS = (
    Column("Deployment", "name"),
    Column("Runtime", "name"),
    Column("Verdict", "text"),
    *_RATE,
    Column("Per request", "number"),
    Column("Smallest detectable", "number"),
    Column("Outlook", "text"),
)
_INDICATORS = (
    Column("Deployment", "name"),
    Column("Indicator", "name"),
    Column("Verdict", "text"),
    *_RATE,
    Column("Per request", "number"),
    Column("Smallest detectable", "number"),
    Column("q", "number"),
    Column("n", "number"),
)
_CONTROLS = (
    Column("Control", "name"),
    Column("Indicator", "name"),
    Column("Outcome", "text"),
    Column("Expected", "number"),
    *_RATE,
    Column("Verdict", "text"),
)
_PROBLEMS = (Column("Deployment", "name"), Column("Kind", "text"), Column("At", "number"), Column("Problem", "text"))


def tables(findings: Findings, deployments: Sequence[ManifestDeployment]) -> Sequence[Table]:
    """The tables of a campaign's findings, ``deployments`` in its order; a table without rows is left out."""
    order = {one.name: place for place, one in enumerate(deployments)}
    served = [one for one in findings.findings if not one.deployment.startswith(f"{HARNESS}/")]
    served.sort(key=lambda one: order.get(one.deployment, len(order)))
    found = (
        Table("verdicts", "Verdicts by anonymous memory plus swap", _VERDICTS, list(_verdicts(findings, deployments))),
        Table("indicators", "All indicators", _INDICATORS, [_indicator(one) for one in served]),
        Table("controls", "Controls", _CONTROLS, [_control(one) for one in findings.controls]),
        Table("problems", "Problems of the measurement", _PROBLEMS, [_problem(one) for one in findings.problems]),
    )
    return [one for one in found if one.rows]


def _verdicts(findings: Findings, deployments: Sequence[ManifestDeployment]) -> Iterator[Sequence[str]]:
    known = {one.deployment: one for one in findings.findings if one.indicator == PRIMARY}
    for made in sorted(deployments, key=lambda one: one.known_ageing is not None):
        finding = known.get(made.name)
        if finding is None:
            yield made.name, made.kind, "no data", *[format.NONE] * (len(_VERDICTS) - 3)
            continue
        yield (
            made.name,
            made.kind,
            finding.verdict,
            *_rate(finding),
            _per_request(finding),
            wording.detectable(finding),
            outlook.finding_sentence(finding) or format.NONE,
        )


def _indicator(finding: Finding) -> Sequence[str]:
    return (
        finding.deployment,
        finding.indicator,
        finding.verdict,
        *_rate(finding),
        _per_request(finding),
        format.size(finding.indicator, finding.minimum_detectable_per_hour, "h"),
        format.probability(finding.q),
        format.count(finding.n),
    )


def _rate(finding: Finding) -> tuple[str, str]:
    return format.bounded(finding.indicator, finding.slope_per_hour, finding.ci_per_hour, "h")


def _per_request(finding: Finding) -> str:
    return format.slope(finding.indicator, finding.slope_per_request, "request")


def _control(control: Control) -> Sequence[str]:
    expected = "no aging"
    if control.expected == "aging":
        expected = format.slope(control.indicator, control.expected_per_hour, "h")
    word = "undecided" if wording.undecided(control) else "passed" if control.passed else "failed"
    measured = format.bounded(control.indicator, control.slope_per_hour, control.ci_per_hour, "h")
    return wording.shown_name(control.deployment), control.indicator, word, expected, *measured, control.verdict


def _problem(problem: Problem) -> Sequence[str]:
    name = format.NONE if problem.deployment is None else wording.shown_name(problem.deployment)
    return name, kind_description(problem.kind).title, format.clock(problem.at_seconds), problem.message
