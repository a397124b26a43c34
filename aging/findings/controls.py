"""Controls: what is known to age, or known not to, and whether the instrument saw just that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from aging.core.metrics import PRIMARY
from aging.core.records import HARNESS
from aging.findings.series import Series
from aging.findings.types import Control, Finding
from aging.store.manifest import KnownAgeing, ManifestDeployment

_HOUR = 3600.0


def controls(
    deployments: Sequence[ManifestDeployment], findings: Sequence[Finding], series: Sequence[Series], *, loaded: bool
) -> list[Control]:
    """The controls of a campaign: deployments whose ageing is configured, then the harness's own processes.

    Unless it is ``loaded`` there are no requests, and nothing ages by them.
    """
    configured = {one.name: one.known_ageing for one in deployments if one.known_ageing is not None}
    if not loaded:
        configured = {name: known.model_copy(update={"per_request": 0.0}) for name, known in configured.items()}
    return [*_known(configured, findings, series), *_harness(findings)]


def _known(
    configured: Mapping[str, KnownAgeing], findings: Sequence[Finding], series: Sequence[Series]
) -> Iterable[Control]:
    found = {(finding.deployment, finding.indicator): finding for finding in findings}
    for name, known in configured.items():
        finding = found.get((name, known.indicator))
        if finding is None:
            continue
        rates = [
            rate
            for one in series
            if (one.owner, one.indicator) == (finding.deployment, finding.indicator)
            and (rate := one.per_second("requests"))
        ]
        ages = known.per_request > 0 or known.per_hour > 0
        known_rate = not known.per_request or rates
        per_request = known.per_request * float(np.mean(rates)) * _HOUR if rates else 0.0
        yield _control(finding, ages, per_request + known.per_hour if known_rate else None)


def _harness(findings: Sequence[Finding]) -> Iterable[Control]:
    """The harness must not age while it measures."""
    return (
        _control(finding, ages=False, expected=0.0)
        for finding in findings
        if finding.deployment.startswith(f"{HARNESS}/") and finding.indicator == PRIMARY
    )


def _control(finding: Finding, ages: bool, expected: float | None) -> Control:
    """``expected`` is units per hour; None where the run was too short to know the rate of its requests."""
    low, high = finding.ci_per_hour or (np.nan, np.nan)
    found = finding.verdict == "aging"
    return Control(
        deployment=finding.deployment,
        indicator=finding.indicator,
        expected="aging" if ages else "not aging",
        expected_per_hour=expected,
        verdict=finding.verdict,
        slope_per_hour=finding.slope_per_hour,
        ci_per_hour=finding.ci_per_hour,
        passed=bool(found and expected is not None and low <= expected <= high) if ages else not found,
    )
