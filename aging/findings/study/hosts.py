"""Every host beside the others: its effect on the rates, and whether it is an outlier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aging.findings.study.estimates import Group, observations, rated_cells
from aging.findings.study.types import HostEffect
from aging.stats import hierarchical_fdr
from aging.stats.host_effects import Deviation, host_deviations


def host_effects(groups: Sequence[Group], level: float) -> list[HostEffect]:
    """Effects of every host on every indicator of a deployment, common to all variants that it ran.

    An outlier is named under false-discovery control in two levels: indicators of deployments, then their hosts.
    """
    found = {(group.deployment, group.indicator): _deviations(group) for group in groups}
    families = {"\n".join(place): [one.p for one in deviations] for place, deviations in found.items() if deviations}
    adjusted: Mapping[str, np.ndarray] = hierarchical_fdr(families) if families else {}
    return [
        _effect(*place, one, float(q), level)
        for place, deviations in found.items()
        if deviations
        for one, q in zip(deviations, adjusted["\n".join(place)], strict=True)
    ]


def _deviations(group: Group) -> list[Deviation]:
    seen = observations(rated_cells([one for one in group.measured if one.voting]))
    return host_deviations(seen) if seen else []


def _effect(deployment: str, indicator: str, one: Deviation, adjusted: float, level: float) -> HostEffect:
    q = None if np.isnan(adjusted) else adjusted
    return HostEffect(
        host=one.host,
        deployment=deployment,
        indicator=indicator,
        cells=one.cells,
        effect_per_hour=one.effect,
        ci_per_hour=(one.low, one.high),
        deviation_per_hour=one.deleted,
        residual=one.residual,
        p=one.p,
        q=q,
        outlier=q is not None and q <= level,
    )
