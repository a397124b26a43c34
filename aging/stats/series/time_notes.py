"""What a reader must know about the times of a series before trusting what is said of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from aging.stats.series.validation import Floats

_LARGE_GAP = 0.1
_MANY_STEPS = 10
_LATE_START = 0.5


def remarks_on_times(given: ArrayLike, t: Floats) -> tuple[str, ...]:
    """Return remarks on times as ``given`` and as analysed, ``t`` (seconds since the start of load, increasing)."""
    steps = np.diff(np.asarray(given, dtype=np.float64))
    found = []
    if np.any(steps < 0):
        found.append("times were not in order; the series was sorted")
    if t.size < np.asarray(given).size:
        found.append(f"{np.asarray(given).size - t.size} samples shared a time with another; medians were taken")
    gaps = np.diff(t)
    widest = float(gaps.max())
    if widest > max(_LARGE_GAP * float(t[-1] - t[0]), _MANY_STEPS * float(np.median(gaps))):
        share = widest / float(t[-1] - t[0])
        found.append(f"a gap of {widest:.0f} s covers {share:.0%} of the window; its ends count as neighbours")
    if t[0] > _LATE_START * t[-1]:
        found.append("less than half of the time since the start of load was seen: growth is hard to judge")
    return tuple(found)
