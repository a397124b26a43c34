"""When the times to first token are steady again after a rejuvenation."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from aging.findings.series import Floats

WITHIN = 1.25
"""Times to first token are steady while they are at most this many times those before."""

_FEWEST, _MOST = 10, 100
"""Requests of a window: a third of those before, within these bounds."""

_TAIL = 0.99


def steady_after(before: Floats, due: Floats, after: Floats, end: float) -> float | None:
    """Seconds from ``end`` until the times to first token are steady again; 0 where they never left.

    ``before`` (shape n) are those before the rejuvenation; ``after`` (shape m) those of requests due at ``due``, in
    this order, from its begin on. A window of k requests is steady if its median and its 99th percentile are at most
    1.25 times the median before and the highest 99th percentile of a window before. They are steady again from the
    first window on after which k further windows, or all that are recorded, are steady. None where no window is, or
    there are too few requests.
    """
    size = min(max(before.size // 3, _FEWEST), _MOST)
    if before.size < _FEWEST or after.size < size:
        return None
    known = sliding_window_view(before, min(size, before.size))
    most = WITHIN * float(np.median(before)), WITHIN * float(np.quantile(known, _TAIL, axis=1).max())
    windows = sliding_window_view(after, size)
    steady = (np.median(windows, axis=1) <= most[0]) & (np.quantile(windows, _TAIL, axis=1) <= most[1])
    excursions = np.flatnonzero(~steady)
    first = 0
    for place in excursions:
        if place - first > size:
            break
        first = int(place) + 1
    return max(float(due[first]) - end, 0.0) if first < steady.size else None
