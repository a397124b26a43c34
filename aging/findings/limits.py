"""The limits that a deployment may run into, each with its name: memory, descriptors, address space, threads, ratios.

They are the target's (source ``limits``): a limit as last read, less what others use of it, which is what the
deployment's own level plus the room left to it makes. Results without this source have the limits that their manifest
and the control group's rows know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from aging.core import format
from aging.core.kernel_limits import KERNEL, least_room
from aging.core.metrics import DEVICE_MEMORY, PRIMARY, full_scale
from aging.findings.asked import Asked, NamedLimit
from aging.findings.series import Series, device_limit
from aging.store.results import Results

_CGROUP_LIMIT = "cgroup_memory_limit_bytes"
_ALWAYS = "limit_host_memory_bytes"


Limits = Mapping[tuple[str, str], NamedLimit]
"""By deployment and indicator."""


def limits(results: Results, asked: Asked, series: Sequence[Series]) -> Limits:
    """The limit of each exhaustible indicator of each deployment, the one that is met first.

    Of memory: what is asked, else what the campaign file says, else the kernel's.
    """
    found: dict[tuple[str, str], NamedLimit] = {}
    given = results.manifest.campaign.analysis.memory_limit_bytes
    whose = "the campaign's" if results.manifest.campaign.load is not None else "the given limit of"
    for deployment in results.deployments:
        read = _read(results, deployment)
        of_it = (
            {indicator: _least(results, deployment, read, indicator) for indicator in KERNEL}
            if read
            else _without_rows(results, deployment)
        )
        if device := device_limit(results, deployment):
            of_it[DEVICE_MEMORY] = NamedLimit(device, f"its devices' {format.level(DEVICE_MEMORY, device)}")
        if limit := asked.memory_limit:
            of_it[PRIMARY] = NamedLimit(limit, f"the given limit of {format.level(PRIMARY, limit)}")
        elif given:
            of_it[PRIMARY] = NamedLimit(given, f"{whose} {format.level(PRIMARY, given)}")
        found |= {(deployment, indicator): limit for indicator, limit in of_it.items() if limit is not None}
    return found | dict(_full(series))


def _full(series: Sequence[Series]) -> Iterator[tuple[tuple[str, str], NamedLimit]]:
    """Of gauges that are shares of a whole: all of it."""
    for one in series:
        most = full_scale(one.indicator, float(one.y.max())) if one.y.size else None
        if most is not None:
            yield (one.owner, one.indicator), NamedLimit(most, f"{most:g}, all of it")


def _read(results: Results, deployment: str) -> tuple[int, pd.Series] | None:
    """The limits as last read, with the replica; None where they were not."""
    for replica in reversed(results.replicas(deployment)):
        rows = results.tree(deployment, replica, "limits")
        if _ALWAYS in rows and not (known := rows[rows[_ALWAYS].notna()]).empty:
            return replica, known.sort_values("mono").select_dtypes("number").iloc[-1]
    return None


def _least(results: Results, deployment: str, read: tuple[int, pd.Series], indicator: str) -> NamedLimit | None:
    """The limit of an indicator with the least room; its value is the indicator's own level plus that room."""
    replica, row = read
    values = {str(name): float(value) for name, value in row.items()}
    least, level = least_room(indicator, values), _level(results, deployment, replica, indicator, values)
    if least is None or level is None:
        return None
    return NamedLimit(least.reach(values, level), least.name(values, format.level(least.limit, values[least.limit])))


def _level(results: Results, deployment: str, replica: int, indicator: str, at: Mapping[str, float]) -> float | None:
    """The level of the deployment's tree when its limits were read."""
    rows = results.tree(deployment, replica, columns=("mono", "generation", indicator))
    if indicator not in rows:
        return None
    rows = rows[(rows["generation"] == at["generation"]) & rows[indicator].notna()]
    if rows.empty:
        return None
    mono, values = (rows[name].to_numpy(dtype=np.float64) for name in ("mono", indicator))
    return float(np.interp(at["mono"], mono, values))


def _without_rows(results: Results, deployment: str) -> dict[str, NamedLimit | None]:
    """The limits of results of earlier releases, and of hosts without ``/proc``; of attached processes no descriptors:
    the manifest has those of the runner alone.
    """
    host, group = results.manifest.host, _cgroup_limit(results, deployment)
    made = results.manifest.deployment(deployment)
    files = None if made is not None and made.kind == "attach" else host.open_files_limit
    found: dict[str, NamedLimit | None] = {
        "process_fds": None if files is None else NamedLimit(float(files), f"its limit of {files:,.0f} open files"),
    }
    known = [(float(size), "the host's") for size in (host.memory_limit_bytes,) if size]
    known += [(group, "its control group's")] if group else []
    if known:
        size, whose = min(known)
        found[PRIMARY] = NamedLimit(size, f"{whose} {format.level(PRIMARY, size)}")
    return found


def _cgroup_limit(results: Results, deployment: str) -> float | None:
    """The limit of its control group as last sampled; None where there is none."""
    for replica in reversed(results.replicas(deployment)):
        samples = results.samples(deployment, "cgroup", replica, [_CGROUP_LIMIT])
        if _CGROUP_LIMIT in samples and not (seen := samples[_CGROUP_LIMIT].dropna()).empty:
            return float(seen.iloc[-1])
    return None
