"""Whether the load rose while an engine's own series did: then the series may only follow it, and is not accused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aging.core.metrics import ages_downwards, base_name, is_engine_series
from aging.findings.series import Floats, Series
from aging.findings.types import Finding
from aging.stats.note import Note

_LEAST_RISE = 0.1
_SHARE = 0.5
"""A rise of the load that is this part of the series' own may have made it."""

_FEWEST = 6


def with_load(finding: Finding, series: Sequence[Series]) -> Finding:
    """The finding, inconclusive where the rate of requests rose at least half as much as its series did.

    Memory is left alone: what is not freed stays, whatever the load does.
    """
    name = base_name(finding.indicator)
    if finding.verdict != "aging" or not is_engine_series(finding.indicator) or name.endswith("_bytes"):
        return finding
    own = [one for one in series if (one.owner, one.indicator) == (finding.deployment, finding.indicator)]
    longest = max(own, key=lambda one: one.t.size)
    load, change = _rise_of_load(longest), _rise(longest.y)
    if load is None or load < max(_LEAST_RISE, _SHARE * abs(change)) or ages_downwards(finding.indicator):
        return finding
    note = Note(
        "load_rose",
        f"Requests per second rose by {load:.0%} in the same time, which may explain it. Measure under steady load.",
    )
    return replace(finding, verdict="inconclusive").with_notes([*finding.noted(), note])


def _rise_of_load(series: Series) -> float | None:
    """The relative rise of the requests a second, from the first third to the last; None where they are not known."""
    done = series.work.get("requests")
    if done is None or series.t.size < _FEWEST:
        return None
    third = series.t.size // 3
    first = (done[third] - done[0]) / (series.t[third] - series.t[0])
    last = (done[-1] - done[-1 - third]) / (series.t[-1] - series.t[-1 - third])
    return float(last / first - 1) if first > 0 else None


def _rise(y: Floats) -> float:
    third = y.size // 3
    first, last = float(np.median(y[:third])), float(np.median(y[-third:]))
    return last / first - 1 if first > 0 else np.inf
