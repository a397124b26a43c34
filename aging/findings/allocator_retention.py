"""What of a growth is memory that the program has freed and the allocator keeps: retention, and no leak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aging.core.metrics import ALLOCATOR, PRIMARY, resolution
from aging.findings.series import Series
from aging.findings.types import Finding

_ENDS = 0.1
"""Share of a series at each end whose median is its level there."""

_MIB = 2**20


def with_retention(finding: Finding, series: Sequence[Series]) -> Finding:
    """The finding of a deployment's memory with what its allocators tell of the growth; any other as it is.

    ``series`` are the campaign's. Without the allocator probe there is nothing to tell.
    """
    if finding.indicator != PRIMARY:
        return finding
    lives = {
        (one.replica, one.generation): one
        for one in series
        if one.owner == finding.deployment and one.indicator == PRIMARY and one.y.size
    }
    notes = []
    for (replica, generation), memory in lives.items():
        named = {
            one.indicator: one
            for one in series
            if (one.owner, one.replica, one.generation) == (finding.deployment, replica, generation) and one.y.size > 1
        }
        if all(name in named for name in ALLOCATOR):
            in_use, retained = (_growth(named[name]) for name in ALLOCATOR)
            grown = _growth(memory)
            if grown > resolution(PRIMARY):
                notes.append(_told(grown, in_use, retained))
    return replace(finding, notes=(*finding.notes, *notes)) if notes else finding


def _growth(series: Series) -> float:
    count = max(1, round(_ENDS * series.y.size))
    return float(np.median(series.y[-count:]) - np.median(series.y[:count]))


def _told(grown: float, in_use: float, retained: float) -> str:
    mib = [f"{value / _MIB:+.1f} MiB" for value in (grown, in_use, retained, grown - in_use - retained)]
    return (
        f"of {mib[0]} of anonymous memory, {mib[1]} is in use by malloc's callers, {mib[2]} was freed and is kept by "
        f"the allocator, {mib[3]} is not the allocator's (mapped directly, or pages that it has not touched)"
    )
