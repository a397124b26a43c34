"""The floor of a garbage collector's sawtooth: the level after each collection."""

from __future__ import annotations

import numpy as np

from aging.stats.series.validation import Floats

_LARGE = 0.05
_SHARE = 0.8
_FEWEST = 5
_MOST = 0.25
"""Of all steps; of noise half are falls."""

_CYCLES = 8


def is_sawtooth(y: Floats) -> bool:
    """Whether at least 5 single falls, each over 5 % of the range, make at least 80 % of all falls of ``y``, (n,).

    They are at most a quarter of all steps.
    """
    steps = np.diff(y)
    fallen = -float(steps[steps < 0].sum())
    large = steps[steps < -_LARGE * np.ptp(y)]
    few = _FEWEST <= large.size <= _MOST * steps.size
    return few and -float(large.sum()) >= _SHARE * fallen > 0


def floor_window(y: Floats) -> int | None:
    """Return the window in samples (1.1 times the longest gap between large falls) of a sawtooth ``y``, shape (n,).

    ``None`` when fewer than about eight such windows fit: too few collections to see a floor.
    """
    falls = np.flatnonzero(np.diff(y) < -_LARGE * np.ptp(y))
    window = int(1.1 * np.diff(falls).max()) + 1
    return window if window <= y.size // _CYCLES else None


def trailing_minimum(y: Floats, window: int) -> Floats:
    """Return the least of the last ``window`` samples at every sample, shape (n,), in O(n) (van Herk 1992)."""
    n = y.size
    padded = np.full(-(-(n + window - 1) // window) * window, np.inf)
    padded[window - 1 : window - 1 + n] = y
    rows = padded.reshape(-1, window)
    ahead = np.minimum.accumulate(rows, axis=1).ravel()
    behind = np.minimum.accumulate(rows[:, ::-1], axis=1)[:, ::-1].ravel()
    least: Floats = np.minimum(behind[:n], ahead[window - 1 : window - 1 + n])
    return least
