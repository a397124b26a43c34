"""The forest plots of a study: one per indicator, a row per cell under its variant and on its host, and the mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS
from aging.findings.first_limit import AGES
from aging.findings.study.types import StudyFinding, StudyFindings
from aging.report.charts.chart import Estimate, Forest
from aging.report.charts.key import figure_key
from aging.report.study import wording
from aging.report.study.host_names import short_names

_MOST_PLOTS = 12
_MOST_ROWS = 120
"""Of more cells only the means are drawn."""


def forests(findings: StudyFindings) -> tuple[Sequence[Forest], Sequence[Forest]]:
    """Of memory and of what decides; then of every other indicator that ages or in which hosts differ; 12 in all."""
    told = [one for one in findings.findings if not one.deployment.startswith(HARNESS) and one.per_hour is not None]
    deciding = dict.fromkeys([PRIMARY, *(one.finding.indicator for one in wording.decisions(findings))])
    odd = [*(one.indicator for one in told if one.verdict in AGES or wording.unusual(one))]
    odd += sorted({one.indicator for one in findings.outliers})
    made = {
        name: one
        for name in dict.fromkeys([*deciding, *odd])
        if (one := forest(findings, [each for each in told if each.indicator == name], name)) is not None
    }
    first = [one for name, one in made.items() if name in deciding][:_MOST_PLOTS]
    others = [one for name, one in made.items() if name not in deciding]
    return first, others[: _MOST_PLOTS - len(first)]


def forest(findings: StudyFindings, chosen: Sequence[StudyFinding], indicator: str) -> Forest | None:
    """The rates of one indicator; None where there are none."""
    if not chosen:
        return None
    hosts = short_names(cell.host for one in chosen for cell in one.by_cell)
    every = sum(len(one.by_cell) for one in chosen) <= _MOST_ROWS
    return Forest(
        key=figure_key("study", indicator),
        title=indicator,
        label=f"Rate of {indicator} in every cell, by variant, with the mean over hosts",
        quantity=indicator,
        per="h",
        rows=[row for one in chosen for row in _rows(findings, one, hosts if every else None)],
    )


def _rows(findings: StudyFindings, finding: StudyFinding, hosts: Mapping[str, str] | None) -> Iterator[Estimate]:
    """The mean under the name of its variant, then its cells by replicate and host, where ``hosts`` names them."""
    low, high = finding.ci_per_hour or (None, None)
    name = wording.subject(findings, finding.variant, finding.deployment)
    yield Estimate(name, finding.per_hour, low, high, pooled=True, note=_said(finding))
    place = finding.deployment, finding.indicator
    outliers = {one.host for one in findings.outliers if (one.deployment, one.indicator) == place}
    for one in finding.by_cell if hosts is not None else ():
        low, high = one.ci_per_hour or (None, None)
        label = f"r{one.replicate:02d} on {(hosts or {})[one.host]}{' (outlier)' if one.host in outliers else ''}"
        yield Estimate(label, one.per_hour, low, high, weight=one.weight, note=one.verdict)


def _said(finding: StudyFinding) -> str:
    spread = "" if finding.heterogeneity is None else f", I² {finding.heterogeneity:.0f} %"
    return f"{finding.verdict}{spread}"
