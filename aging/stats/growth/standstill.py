"""A climb that ends standing still at its maximum, as one does that has reached a limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aging.stats.series.validation import Floats

FEWEST = 12
"""Fewest samples of the climb, and of the standstill."""

_LEAST_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Standstill:
    """The ``level`` at which a series stands from the sample ``index`` on, at the time ``since``, to its end."""

    index: int
    since: float
    level: float


def standstill(t: Floats, y: Floats, tolerance: float = 0.0) -> Standstill | None:
    """The standstill of ``y`` at ``t``, both shape (n,), within ``tolerance`` of its maximum; None where there is none.

    It has at least 12 samples and 2 % of the time, and so does the climb before it, which began lower.
    """
    if y.size < 2 * FEWEST:
        return None
    top = float(y.max())
    below = np.flatnonzero(y < top - tolerance)
    if not below.size:
        return None
    first = int(below[-1]) + 1
    if min(first, y.size - first) < FEWEST or t[-1] - t[first] < _LEAST_SHARE * (t[-1] - t[0]):
        return None
    return Standstill(first, float(t[first]), top)
