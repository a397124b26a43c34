"""A climb that ends standing still at its maximum, as one does that has reached a limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aging.stats.series.validation import Floats

FEWEST = 12
"""Fewest samples of the climb, and of the standstill."""

_LEAST_SHARE = 0.02
_OUTLASTS = 3.0
"""A standstill is an end where it lasts this many times as long as the longest one in the climb."""


@dataclass(frozen=True, slots=True)
class Standstill:
    """The ``level`` at which a series stands from the sample ``index`` on, at the time ``since``, to its end."""

    index: int
    since: float
    level: float


def standstill(t: Floats, y: Floats, tolerance: float = 0.0) -> Standstill | None:
    """The standstill of ``y`` at ``t``, both shape (n,), within ``tolerance`` of its maximum; None where there is none.

    It has at least 12 samples and 2 % of the time, and so does the climb before it, which began lower. A single sample
    that lies off its neighbors does not count.
    """
    if y.size < 2 * FEWEST:
        return None
    smooth = _without_single(y)
    top = float(smooth.max())
    below = np.flatnonzero(smooth < top - tolerance)
    if not below.size:
        return None
    first = int(below[-1]) + 1
    if min(first, y.size - first) < FEWEST or t[-1] - t[first] < _LEAST_SHARE * (t[-1] - t[0]):
        return None
    return Standstill(first, float(t[first]), top)


def outlasts(t: Floats, y: Floats, stands: Standstill) -> bool:
    """Whether ``stands``, of ``y`` at ``t``, lasts three times as long as any pause between two rises before it.

    The last step of a staircase does not, however long its steps are.
    """
    highest = np.maximum.accumulate(_without_single(y)[: stands.index + 1])
    rises = t[np.flatnonzero(np.diff(highest) > 0) + 1]
    return rises.size > 1 and bool(t[-1] - stands.since > _OUTLASTS * np.diff(rises).max())


def _without_single(y: Floats) -> Floats:
    """Running medians of three; the first and the last sample as they are."""
    return np.concatenate([y[:1], np.median(np.stack([y[:-2], y[1:-1], y[2:]]), axis=0), y[-1:]])
