"""The forest plots of a study: one per indicator, a row per cell under its variant and on its host, and the mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS
from aging.findings.first_limit import AGES
from aging.findings.study.types import CellEstimate, StudyFinding, StudyFindings
from aging.report.charts.chart import Estimate, Forest
from aging.report.charts.key import figure_key
from aging.report.study import wording

_MOST_PLOTS = 12
_MOST_ROWS = 120
"""Of more cells only the means are drawn."""


def forests(findings: StudyFindings) -> Sequence[Forest]:
    """Memory first, then every indicator by which some deployment ages or in which some hosts differ; at most 12."""
    told = [one for one in findings.findings if not one.deployment.startswith(HARNESS) and one.per_hour is not None]
    odd = {one.indicator for one in findings.outliers}
    names = [PRIMARY, *(one.indicator for one in told if one.verdict in AGES or wording.unusual(one)), *sorted(odd)]
    made = (forest(findings, [one for one in told if one.indicator == name], name) for name in dict.fromkeys(names))
    return [one for one in made if one is not None][:_MOST_PLOTS]


def forest(findings: StudyFindings, chosen: Sequence[StudyFinding], indicator: str) -> Forest | None:
    """The rates of one indicator; None where there are none."""
    if not chosen:
        return None
    every = sum(len(one.by_cell) for one in chosen) <= _MOST_ROWS
    return Forest(
        key=figure_key("study", indicator),
        title=indicator,
        label=f"Rate of {indicator} in every cell, by variant, with the mean over hosts",
        quantity=indicator,
        per="h",
        rows=[row for one in chosen for row in _rows(findings, one, every=every)],
    )


def _rows(findings: StudyFindings, finding: StudyFinding, *, every: bool) -> Iterator[Estimate]:
    """The mean under the name of its variant, then its cells by replicate and host."""
    low, high = finding.ci_per_hour or (None, None)
    name = wording.subject(findings, finding.variant, finding.deployment)
    yield Estimate(name, finding.per_hour, low, high, pooled=True, note=_said(finding))
    yield from map(_cell, finding.by_cell if every else ())


def _cell(one: CellEstimate) -> Estimate:
    low, high = one.ci_per_hour or (None, None)
    label = f"r{one.replicate:02d} on {one.host}"
    return Estimate(label, one.per_hour, low, high, weight=one.weight, note=one.verdict)


def _said(finding: StudyFinding) -> str:
    spread = "" if finding.heterogeneity is None else f", I² {finding.heterogeneity:.0f} %"
    return f"{finding.verdict}{spread}"
