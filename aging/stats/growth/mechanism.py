"""The mechanism of memory growth: the allocator's part in it, from resident and virtual size."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from aging.stats.series.validation import Floats, SeriesError, as_series

MEBIBYTE = 2.0**20
HOUR = 3600.0

Mechanism = Literal["mmap-style", "sbrk-style", "address-space-only", "uncorrelated", "continuous drift", "none"]

LEAST = 12
_TOGETHER = 0.5
_BURSTY = 5.0
_WINSORISED = 0.01


def growth_mechanism(t: ArrayLike, resident: ArrayLike, virtual: ArrayLike) -> Mechanism:
    """Classify the growth of a process from its ``resident`` and ``virtual`` size (bytes) at ``t`` (seconds).

    All three have shape (n,), n >= 12. A size grows if it gains more than 1 MiB
    per hour. ``address-space-only``: virtual grows and resident does not.
    ``continuous drift``: resident grows into address space that was there.
    Where both grow, the correlation of their increments shows whether one causes
    the other: below 0.5 ``uncorrelated``; else ``mmap-style`` if virtual grows in
    rare large pieces (winsorised kurtosis of its increments above 5) and
    ``sbrk-style`` if in small ones. ``none``: neither grows. A description, not a
    test. Raises :class:`~aging.stats.SeriesError`.
    """
    times, residents = as_series(t, resident, least=LEAST)
    _, virtuals = as_series(t, virtual, least=LEAST)
    if residents.size != virtuals.size:
        raise SeriesError("resident and virtual must be equally long")
    hours = float(times[-1] - times[0]) / HOUR
    resident_grows, virtual_grows = (float(x[-1] - x[0]) > MEBIBYTE * hours for x in (residents, virtuals))
    if not resident_grows:
        return "address-space-only" if virtual_grows else "none"
    if not virtual_grows:
        return "continuous drift"
    steps = np.diff(virtuals)
    if _correlation(np.diff(residents), steps) < _TOGETHER:
        return "uncorrelated"
    return "mmap-style" if _kurtosis(_winsorised(steps)) > _BURSTY else "sbrk-style"


def _winsorised(x: Floats) -> Floats:
    low, high = np.quantile(x, [_WINSORISED, 1 - _WINSORISED])
    return np.clip(x, low, high)


def _correlation(x: Floats, y: Floats) -> float:
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])


def _kurtosis(x: Floats) -> float:
    centred = x - x.mean()
    if not np.any(centred):
        return math.inf  # winsorising took every step away: they were rarer than 1 in 100
    return float(np.mean(centred**4) / np.mean(centred**2) ** 2)
