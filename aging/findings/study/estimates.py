"""The estimates of a study's cells, from their campaigns' findings, grouped by what is judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from aging.findings.study.types import CellEstimate, RateName
from aging.findings.types import Finding, Findings
from aging.stats.host_effects import MeanRate, Observation
from aging.study.cells import Cell

_Z975 = 1.96
_FINEST = 0.1
_AXES: Mapping[RateName, str] = {"current_per_request": "requests", "current_per_token": "tokens"}
CURRENT: frozenset[RateName] = frozenset({"current_per_hour", *_AXES})
"""Rates after the warm-up."""


@dataclass(frozen=True, slots=True)
class CountedCell:
    """A cell with a result: its findings, and the host and the number of the attempt that they are of."""

    cell: Cell
    host: str
    attempt: int
    findings: Findings


@dataclass(frozen=True, slots=True)
class Rated:
    """A rate with its interval and its standard error."""

    value: float
    ci: tuple[float, float]
    error: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One cell's estimate; ``rated`` is its slope per hour, None where the cell has none to use, ``rates`` the others.

    ``axis`` is what its growth follows: ``seconds``, ``requests`` or ``tokens``, None where that is not known.
    """

    variant: str
    estimate: CellEstimate
    rated: Rated | None
    rates: Mapping[RateName, Rated]
    axis: str | None
    minimum_detectable: float | None

    @property
    def voting(self) -> bool:
        """Whether its verdict counts: a broken run decides nothing."""
        return self.estimate.reason != "cell_broken"

    @property
    def grows(self) -> bool:
        """Whether it has a growth that follows something."""
        return self.axis is not None or "current_per_hour" in self.rates


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


def rated_cells(measured: Sequence[Measured], name: RateName | None = None) -> list[tuple[Measured, Rated]]:
    """The cells that have a rate, by default the slope per hour.

    A current rate per request or token only where the growth follows that in all cells of a variant: what it follows
    was chosen by the data of a cell, and a mean over the cells that chose alike would be of those alone. A cell with
    a current rate and no axis has replicas that follow different ones.
    """
    if name is None:
        return [(one, one.rated) for one in measured if one.rated is not None]
    axis = _AXES.get(name)
    mixed = {one.variant for one in measured if axis is not None and one.axis != axis and one.grows}
    return [(one, one.rates[name]) for one in measured if name in one.rates and one.variant not in mixed]


def observations(cells: Sequence[tuple[Measured, Rated]]) -> list[Observation]:
    """Rates with their errors.

    As replicas are pooled: a rate without noise has a tenth of the least other error. Empty where no rate has noise.
    """
    least = min((rated.error for _, rated in cells if rated.error > 0), default=None)
    if least is None:
        return []
    return [
        Observation(one.variant, one.estimate.host, rated.value, max(rated.error, _FINEST * least))
        for one, rated in cells
    ]


def mean_limits(cells: Sequence[tuple[Measured, Rated]], mean: MeanRate, name: RateName | None) -> tuple[float, float]:
    """The limits of the cells' mean; those of a rate after the warm-up are no closer than the mean of the cells' own.

    A cell's limits allow for what is left of its warm-up. This is common to all cells: no number of hosts averages it.
    """
    if name not in CURRENT:
        return mean.low, mean.high
    low, high = np.dot(mean.weights, [rated.ci for _, rated in cells])
    return min(mean.low, float(low)), max(mean.high, float(high))


def _measured(one: CountedCell, finding: Finding, broken: bool) -> Measured:
    width = 2 * _quantile(finding)
    rated = None if broken else _rated(finding.slope_per_hour, finding.ci_per_hour, width)
    estimate = CellEstimate(
        cell=one.cell.name,
        replicate=one.cell.replicate,
        host=one.host,
        attempt=one.attempt,
        verdict=finding.verdict,
        per_hour=finding.slope_per_hour,
        ci_per_hour=finding.ci_per_hour,
        p=finding.p,
        reason="cell_broken" if broken else "no_rate" if rated is None else None,
    )
    given = {name: _rated(*pair, width) for name, pair in _others(finding) if not broken}
    rates = {name: found for name, found in given.items() if found is not None}
    least = None if broken else finding.minimum_detectable_per_hour
    return Measured(one.cell.variant, estimate, rated, rates, finding.growth_axis, least)


def _others(finding: Finding) -> Iterator[tuple[RateName, tuple[float | None, tuple[float, float] | None]]]:
    yield "per_request", (finding.slope_per_request, finding.ci_per_request)
    yield "per_token", (finding.slope_per_token, finding.ci_per_token)
    yield "current_per_hour", (finding.current_per_hour, finding.current_ci_per_hour)
    for name, axis in _AXES.items():
        if finding.growth_axis == axis:
            yield name, (finding.current_per_unit, finding.current_ci_per_unit)


def _rated(value: float | None, interval: tuple[float, float] | None, width: float) -> Rated | None:
    """A rate whose interval is ``width`` standard errors wide; None where either is not known."""
    if value is None or interval is None or not np.all(np.isfinite((value, *interval))):
        return None
    return Rated(value, interval, (interval[1] - interval[0]) / width)


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
