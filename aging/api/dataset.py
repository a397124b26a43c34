"""The series of a result directory as an xarray Dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from aging.api.arguments import check_name, names_of
from aging.api.contents import Contents
from aging.api.judged import unit_name
from aging.core.errors import InputError, MissingPartError
from aging.core.metrics import is_engine_series
from aging.core.parts import NOTEBOOKS
from aging.findings.series import Series

if TYPE_CHECKING:
    import xarray


def dataset(contents: Contents, indicators: Sequence[str]) -> xarray.Dataset:
    """Every indicator, or these, by deployment, replica and time (seconds of load), NaN where there is no value."""
    try:
        import xarray  # noqa: PLC0415 - optional
    except ImportError:
        raise MissingPartError(f"to_xarray needs xarray, not installed here: {NOTEBOOKS.command}") from None

    longest: dict[tuple[str, str, int], Series] = {}
    for one in contents.measured.series:
        rival = longest.get((one.indicator, one.owner, one.replica))
        if one.t.size and (rival is None or one.t.size > rival.t.size):
            longest[one.indicator, one.owner, one.replica] = one
    there = dict.fromkeys(indicator for indicator, _, _ in longest)
    if not there:
        raise InputError(f"there are no series yet (the campaign is {contents.phase})")
    asked = names_of("indicators", indicators)
    for name in asked:
        check_name(name, there, f"there is no indicator {name!r}")
    chosen = asked or [name for name in there if not is_engine_series(name)]
    kept = {key: one for key, one in longest.items() if key[0] in chosen}
    deployments = [name for name in contents.stored.deployments if any(key[1] == name for key in kept)]
    replicas = sorted({replica for _, _, replica in kept})
    time = np.unique(np.concatenate([one.t for one in kept.values()]))
    values = {name: np.full((len(deployments), len(replicas), time.size), np.nan) for name in chosen}
    for (name, owner, replica), one in kept.items():
        row = values[name][deployments.index(owner), replicas.index(replica)]
        row[np.searchsorted(time, one.t)] = one.y
    campaign = contents.stored.manifest.campaign
    dims = ("deployment", "replica", "time")
    return xarray.Dataset(
        {name: (dims, values[name], {"units": unit_name(name)}) for name in chosen},
        coords={
            "deployment": deployments,
            "replica": replicas,
            "time": ("time", time, {"units": "s", "long_name": "time since the load began"}),
        },
        attrs={"campaign": campaign.name, "grid_seconds": campaign.analysis.grid_seconds},
    )
