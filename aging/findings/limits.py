"""The limits that a deployment may run into: memory of the host, its control group or its devices, and descriptors."""

from __future__ import annotations

from collections.abc import Mapping

from aging.core.metrics import DEVICE_MEMORY, PRIMARY
from aging.findings.asked import Asked
from aging.findings.series import device_limit
from aging.store.results import Results

_CGROUP_LIMIT = "cgroup_memory_limit_bytes"

Limits = Mapping[tuple[str, str], float]
"""By deployment and indicator, in the indicator's unit."""


def limits(results: Results, asked: Asked) -> Limits:
    """The limit of each exhaustible indicator of each deployment.

    Of memory: what is asked, else what the campaign file says, else the less of the host's and the control group's.
    """
    host, given = results.manifest.host, results.manifest.campaign.analysis.memory_limit_bytes
    found: dict[tuple[str, str], float] = {}
    for deployment in results.deployments:
        known = [one for one in (host.memory_limit_bytes, _cgroup_limit(results, deployment)) if one]
        of_it = {
            PRIMARY: asked.memory_limit or given or min(known, default=None),
            "process_fds": host.open_files_limit,
            DEVICE_MEMORY: device_limit(results, deployment),
        }
        found |= {(deployment, indicator): float(limit) for indicator, limit in of_it.items() if limit}
    return found


def _cgroup_limit(results: Results, deployment: str) -> float | None:
    """The limit of its control group as last sampled; None where there is none."""
    for replica in reversed(results.replicas(deployment)):
        samples = results.samples(deployment, "cgroup", replica, [_CGROUP_LIMIT])
        if _CGROUP_LIMIT in samples and not (seen := samples[_CGROUP_LIMIT].dropna()).empty:
            return float(seen.iloc[-1])
    return None
