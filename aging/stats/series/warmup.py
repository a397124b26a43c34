"""Leaving the warm-up out of a series: for a given time, or for as long as it lasts."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from aging.stats.series.block_medians import block_medians
from aging.stats.series.validation import Floats, as_series

LEAST = 24
_BLOCKS = 200
_GAIN = 0.2


def drop_warmup(t: ArrayLike, y: ArrayLike, seconds: float) -> tuple[Floats, Floats]:
    """Return the part of a series at or after ``seconds`` from the start of load (t = 0); times are kept as they are.

    Both shape (n,) in, shape (m,) out, m <= n, possibly empty. Raises :class:`~aging.stats.SeriesError`.
    """
    times, values = as_series(t, y)
    kept = times >= seconds
    return times[kept], values[kept]


def find_warmup(t: ArrayLike, y: ArrayLike) -> float:
    """Return where the warm-up of a series ends, in seconds since the start of load; ``t[0]`` if there is none.

    ``t`` (seconds) and ``y`` have shape (n,), n >= 24. White's (1997) marginal
    standard error rule, about a line rather than a level so that a leak is no
    warm-up: the cut d in the first half that minimises SSE(d..n) / (n - d)^2, on
    medians of at most 200 blocks. A cut is made only if it divides the criterion
    by five; around integrated noise the criterion is flat, and lesser gains are
    chance. Raises :class:`~aging.stats.SeriesError`.

    Steep for 200 s, then a slow leak:

    >>> t = np.arange(0.0, 1000.0, 10.0)
    >>> y = np.where(t < 200, 5 * t, 1000 + 0.5 * t) + np.sin(0.17 * t)
    >>> find_warmup(t, y)
    200.0
    """
    times, values = as_series(t, y, least=LEAST)
    middles, blocks = block_medians(times, values, _BLOCKS)
    criterion = _errors_about_line(blocks) / np.arange(blocks.size, 0, -1) ** 2
    cut = int(np.argmin(criterion[: blocks.size // 2 + 1]))
    return float(middles[cut] if criterion[cut] < _GAIN * criterion[0] else times[0])


def _errors_about_line(y: Floats) -> Floats:
    """Return for every d the squared error of the least-squares line through y[d:], shape (n,)."""
    index = np.arange(y.size, dtype=np.float64) - y.size
    centred = y - y[-1]
    n, x, xx, v, xv, vv = (
        np.cumsum(series[::-1])[::-1]
        for series in (np.ones(y.size), index, index**2, centred, index * centred, centred**2)
    )
    sxx, sxv, svv = xx - x * x / n, xv - x * v / n, vv - v * v / n
    errors: Floats = np.maximum(svv - np.divide(sxv**2, sxx, out=np.zeros(y.size), where=sxx > 0), 0.0)
    return errors
