"""Retention: the part of a growth that the program has freed and the allocator keeps. It is no leak."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aging.core.format import byte_size
from aging.core.metrics import ALLOCATOR, PRIMARY, resolution
from aging.findings.series import Series
from aging.findings.types import Finding
from aging.stats.note import Note

_ENDS = 0.1
"""Share of a series at each end whose median is its level there."""


def with_retention(finding: Finding, series: Sequence[Series]) -> Finding:
    """The finding of a deployment's memory with a note on its allocators' part in the growth; any other unchanged.

    ``series`` are the campaign's. Without the allocator probe there is no note.
    """
    if finding.indicator != PRIMARY:
        return finding
    by_generation = {
        (one.replica, one.generation): one
        for one in series
        if one.owner == finding.deployment and one.indicator == PRIMARY and one.y.size
    }
    notes = []
    for (replica, generation), memory in by_generation.items():
        named = {
            one.indicator: one
            for one in series
            if (one.owner, one.replica, one.generation) == (finding.deployment, replica, generation) and one.y.size > 1
        }
        if all(name in named for name in ALLOCATOR):
            in_use, retained = (_growth(named[name]) for name in ALLOCATOR)
            grown = _growth(memory)
            if grown > resolution(PRIMARY):
                notes.append(_retention(grown, in_use, retained))
    return finding.with_notes([*finding.noted(), *notes]) if notes else finding


def _growth(series: Series) -> float:
    count = max(1, round(_ENDS * series.y.size))
    return float(np.median(series.y[-count:]) - np.median(series.y[:count]))


def _retention(grown: float, in_use: float, retained: float) -> Note:
    total, used, kept, other = (
        byte_size(value, signed=True) for value in (grown, in_use, retained, grown - in_use - retained)
    )
    message = (
        f"Anonymous memory grew by {total}: {used} in use by malloc's callers, {kept} freed and kept by the allocator, "
        f"{other} outside the allocator (mapped directly, or not yet touched)."
    )
    return Note("retention", message)
