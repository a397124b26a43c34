"""Forest plots: the rate of every replica with the pooled one, and the pooled rates of all deployments."""

from __future__ import annotations

from collections.abc import Sequence

from aging.core.records import HARNESS
from aging.findings.types import Finding
from aging.report.charts.chart import Estimate, Forest
from aging.report.charts.key import figure_key


def replica_forest(finding: Finding) -> Forest | None:
    """The rate of each replica and the pooled one; None where fewer than two replicas are known."""
    if len(finding.by_replica) < 2:
        return None
    return Forest(
        key=figure_key("forest", finding.deployment, finding.indicator),
        title=f"{finding.indicator} of {finding.deployment}",
        label=f"Rate of {finding.indicator} of {finding.deployment}, by replica and pooled",
        quantity=finding.indicator,
        per="h",
        rows=[*_replicas(finding, ""), _pooled(finding, "pooled")],
    )


def deployment_forest(findings: Sequence[Finding], indicator: str) -> Forest | None:
    """The rates of one indicator of all deployments, replicas above their pooled rate; None where there are none."""
    chosen = [
        one
        for one in findings
        if one.indicator == indicator and one.slope_per_hour is not None and not one.deployment.startswith(HARNESS)
    ]
    if not chosen:
        return None
    rows: list[Estimate] = []
    for finding in chosen:
        several = len(finding.by_replica) > 1
        rows += [*(_replicas(finding, f"{finding.deployment}, ") if several else ()), _pooled(finding)]
    return Forest(
        key=figure_key("forest", indicator),
        title=indicator,
        label=f"Rate of {indicator} of every deployment",
        quantity=indicator,
        per="h",
        rows=rows,
    )


def _replicas(finding: Finding, before: str) -> Sequence[Estimate]:
    return [
        Estimate(
            f"{before}replica {one.replica}",
            one.slope_per_hour,
            low=None if one.ci_per_hour is None else one.ci_per_hour[0],
            high=None if one.ci_per_hour is None else one.ci_per_hour[1],
            weight=one.weight,
            note=one.verdict,
        )
        for one in finding.by_replica
    ]


def _pooled(finding: Finding, label: str = "") -> Estimate:
    said = [finding.verdict, *([] if finding.disagreement is None else [f"I² {finding.disagreement:.0f} %"])]
    return Estimate(
        label or finding.deployment,
        finding.slope_per_hour,
        low=None if finding.ci_per_hour is None else finding.ci_per_hour[0],
        high=None if finding.ci_per_hour is None else finding.ci_per_hour[1],
        pooled=True,
        note=", ".join(said),
    )
