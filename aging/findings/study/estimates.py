"""The estimates of a study's cells, from their campaigns' findings, grouped by what is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from aging.findings.study.types import CellEstimate
from aging.findings.types import Finding, Findings
from aging.stats.host_effects import Observation
from aging.study.cells import Cell

_Z975 = 1.96
_FINEST = 0.1


@dataclass(frozen=True, slots=True)
class CountedCell:
    """A cell with a result: its findings, and the host and the number of the attempt that they are of."""

    cell: Cell
    host: str
    attempt: int
    findings: Findings


@dataclass(frozen=True, slots=True)
class Measured:
    """One cell's estimate, and the standard error of its rate; None where the cell has no rate to use."""

    variant: str
    estimate: CellEstimate
    error: float | None

    @property
    def voting(self) -> bool:
        """Whether its verdict counts: a broken run decides nothing."""
        return self.estimate.reason != "cell_broken"


@dataclass(frozen=True, slots=True)
class Group:
    """All cells' estimates of one indicator of one deployment, in the order of the plan."""

    deployment: str
    indicator: str
    measured: Sequence[Measured]

    def of(self, variant: str) -> list[Measured]:
        return [one for one in self.measured if one.variant == variant]


def groups(counted: Sequence[CountedCell]) -> list[Group]:
    """Every indicator of every deployment that some cell has a finding of, sorted by name."""
    found: dict[tuple[str, str], list[Measured]] = {}
    for one in counted:
        broken = _broken(one.findings)
        for finding in one.findings.findings:
            place = finding.deployment, finding.indicator
            found.setdefault(place, []).append(_measured(one, finding, finding.deployment in broken))
    return [Group(*place, measured) for place, measured in sorted(found.items())]


def observations(measured: Sequence[Measured]) -> list[Observation]:
    """The rates with their errors; those without a rate are left out.

    As replicas are pooled: a rate without noise has a tenth of the least other error. Empty where no rate has noise.
    """
    usable = [(one, one.estimate.per_hour, one.error) for one in measured]
    rates = [(one, rate, error) for one, rate, error in usable if rate is not None and error is not None]
    least = min((error for *_, error in rates if error > 0), default=None)
    if least is None:
        return []
    return [
        Observation(one.variant, one.estimate.host, rate, max(error, _FINEST * least)) for one, rate, error in rates
    ]


def _measured(one: CountedCell, finding: Finding, broken: bool) -> Measured:
    rate, interval = finding.slope_per_hour, finding.ci_per_hour
    usable = not broken and rate is not None and interval is not None and bool(np.all(np.isfinite(interval)))
    reason = "cell_broken" if broken else None if usable else "no_rate"
    estimate = CellEstimate(
        cell=one.cell.name,
        replicate=one.cell.replicate,
        host=one.host,
        attempt=one.attempt,
        verdict=finding.verdict,
        per_hour=rate,
        ci_per_hour=interval,
        p=finding.p,
        reason=reason,
    )
    error = None if interval is None or not usable else (interval[1] - interval[0]) / (2 * _quantile(finding))
    return Measured(one.cell.variant, estimate, error)


def _quantile(finding: Finding) -> float:
    """What a half of the finding's interval is, in standard errors: pooled replicas have Student's t."""
    pooled = sum(1 for replica in finding.by_replica if replica.weight is not None)
    return float(stdtrit(pooled - 1, 0.975)) if pooled > 1 else _Z975


def _broken(findings: Findings) -> set[str]:
    """The deployments of which every run is broken."""
    worth: Mapping[str, set[bool]] = {run.deployment: set() for run in findings.runs}
    for run in findings.runs:
        worth[run.deployment].add(run.validity == "broken")
    return {name for name, broken in worth.items() if broken == {True}}
