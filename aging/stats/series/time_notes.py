"""Notes on the times of a series that weaken a verdict."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from aging.stats.note import Note
from aging.stats.series.validation import Floats

_LARGE_GAP = 0.1
_MANY_STEPS = 10
_LATE_START = 0.5


def time_notes(given: ArrayLike, t: Floats) -> tuple[Note, ...]:
    """Return notes on times as ``given`` and as analyzed, ``t`` (seconds since the start of load, increasing).

    Codes: ``unsorted``, ``shared_times``, ``gap`` (over 10 % of the window and over 10 usual steps) and
    ``late_start`` (the series begins in the second half of the time since the start of load).
    """
    steps = np.diff(np.asarray(given, dtype=np.float64))
    found = []
    if np.any(steps < 0):
        found.append(Note("unsorted", "The times were not in order; the series was sorted."))
    if t.size < np.asarray(given).size:
        shared = np.asarray(given).size - t.size
        found.append(Note("shared_times", f"{shared} samples share a time with another; their medians were taken."))
    gaps = np.diff(t)
    widest = float(gaps.max())
    if widest > max(_LARGE_GAP * float(t[-1] - t[0]), _MANY_STEPS * float(np.median(gaps))):
        share = widest / float(t[-1] - t[0])
        message = f"A gap of {widest:.0f} s covers {share:.0%} of the window; its ends count as neighbors."
        found.append(Note("gap", message))
    if t[0] > _LATE_START * t[-1]:
        message = "Less than half of the time since the start of load was sampled, so growth is hard to judge."
        found.append(Note("late_start", message))
    return tuple(found)
