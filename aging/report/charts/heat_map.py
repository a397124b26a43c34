"""A heat map of indicators by deployments: who ages in what, and how strongly."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aging.core import format
from aging.core.metrics import PRIMARY
from aging.findings.types import Finding
from aging.report.charts.chart import Cell, HeatMap
from aging.report.charts.key import figure_key
from aging.report.wording import MARK, TONE

_FAINTEST = 0.3
_DECADES = 2.0
"""A rate a hundred times the detectable one has full strength."""

_TONES = frozenset({"good", "bad", "warn", "mute"})


def heat_map(findings: Sequence[Finding], deployments: Sequence[str], indicators: Sequence[str] = ()) -> HeatMap | None:
    """Indicators by ``deployments``; those ``indicators``, or all that any of them has. None where there are none."""
    by_place = {(one.deployment, one.indicator): one for one in findings if one.deployment in set(deployments)}
    rows = list(indicators) or list(dict.fromkeys([PRIMARY, *(indicator for _, indicator in by_place)]))
    rows = [indicator for indicator in rows if any((name, indicator) in by_place for name in deployments)]
    if not rows:
        return None
    return HeatMap(
        key=figure_key("heat-map"),
        title="Indicators by deployment",
        label=f"Verdict and growth per hour of indicators by deployment: {_legend(list(by_place.values()))}",
        rows=rows,
        columns=list(deployments),
        cells=[[_cell(by_place.get((name, indicator))) for name in deployments] for indicator in rows],
    )


def _cell(finding: Finding | None) -> Cell:
    if finding is None:
        return Cell("none", format.NONE, 0.0, "not measured")
    tone = TONE.get(finding.verdict, "mute")
    rate, limits = format.bounded(finding.indicator, finding.slope_per_hour, finding.ci_per_hour, "h")
    least = format.size(finding.indicator, finding.minimum_detectable_per_hour, "h")
    said = [f"{finding.verdict}: {rate} [{limits}]", f"smallest detectable {least}"]
    title = f"{finding.deployment}, {finding.indicator}: {'; '.join(said)}"
    mark = MARK.get(finding.verdict, "")
    return Cell(tone if tone in _TONES else "mute", rate, _strength(finding), title, mark)  # type: ignore[arg-type]


def _legend(findings: Sequence[Finding]) -> str:
    """What the marks stand for that are in it."""
    there = {one.verdict for one in findings}
    return ", ".join(f"{mark} {verdict}" for verdict, mark in MARK.items() if verdict in there)


def _strength(finding: Finding) -> float:
    """The size of the rate relative to what is detectable, on a logarithmic scale."""
    rate, least = finding.slope_per_hour, finding.minimum_detectable_per_hour
    if not rate or not least or not math.isfinite(rate / least):
        return _FAINTEST
    return min(1.0, _FAINTEST + (1 - _FAINTEST) * max(0.0, math.log10(abs(rate) / least)) / _DECADES)
