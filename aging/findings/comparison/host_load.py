"""Whether the host was equally busy during the runs of both sides: latency is not of the server alone."""

from __future__ import annotations

import numpy as np

from aging.core.records import HARNESS
from aging.findings.comparison.side import Facing, Side

_WAITING = "host_pressure_cpu_some_seconds_total"
APART = 0.1
_BUSY = 0.5
"""A task waited for a CPU in half of the time: who waited is chance, and a latency is as much the host's."""


def waiting_shares(faced: Facing) -> tuple[float, float] | None:
    """The parts of the time in which a task waited for a CPU, where they may explain a difference of latency.

    They do where they are more than a tenth of the time apart, or both at least half of it. From the kernel's pressure
    stall information; None where they do not, are not known, or are of one campaign.
    """
    if faced.baseline.source is faced.other.source:
        return None
    mine, theirs = _waiting(faced.baseline), _waiting(faced.other)
    if mine is None or theirs is None or (abs(mine - theirs) < APART and min(mine, theirs) < _BUSY):
        return None
    return mine, theirs


def _waiting(side: Side) -> float | None:
    """The part of the time of its runs, None where it was not sampled."""
    rows = side.source.results.samples(HARNESS, "host", columns=("mono", _WAITING))
    if _WAITING not in rows:
        return None
    known = rows[rows[_WAITING].notna()].sort_values("mono")
    mono, waited = (known[name].to_numpy(dtype=np.float64) for name in ("mono", _WAITING))
    seconds, total = 0.0, 0.0
    for window in side.windows.values():
        inside = (mono >= window.load_start + window.warmup) & (mono <= window.load_end)
        if np.count_nonzero(inside) > 1:
            seconds += float(np.ptp(mono[inside]))
            total += float(np.ptp(waited[inside]))
    return total / seconds if seconds > 0 else None
