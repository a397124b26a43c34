"""False-discovery control over many tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from aging.trends.series import Floats, SeriesError


def benjamini_hochberg(p: ArrayLike | Sequence[float | None]) -> Floats:
    """Return the adjusted p (q) of each test under independence or positive dependence (Benjamini and Hochberg 1995).

    ``p`` has shape (m,); a missing one (None or NaN) stays NaN and does not
    count as a test. Raises :class:`~aging.trends.SeriesError` for a p outside [0, 1].
    """
    return _adjusted(p, lambda _: 1.0)


def benjamini_yekutieli(p: ArrayLike | Sequence[float | None]) -> Floats:
    """Return the adjusted p (q) of each test under any dependence (Benjamini and Yekutieli 2001); as above."""
    return _adjusted(p, lambda m: float(np.sum(1 / np.arange(1, m + 1))))


def probabilities(p: ArrayLike | Sequence[float | None]) -> Floats:
    """Return ``p`` as floats, None as NaN; raises :class:`~aging.trends.SeriesError` for one outside [0, 1]."""
    values = np.asarray(p, dtype=np.float64)
    if np.any((values < 0) | (values > 1)):
        raise SeriesError("every p must lie between 0 and 1")
    return values


def _adjusted(p: ArrayLike | Sequence[float | None], price_of_dependence: Callable[[int], float]) -> Floats:
    values = probabilities(p)
    known = np.flatnonzero(np.isfinite(values))
    m = known.size
    falling = known[np.argsort(values[known])[::-1]]
    scaled = values[falling] * price_of_dependence(m) * m / np.arange(m, 0, -1)
    q = np.full(values.shape, np.nan)
    q[falling] = np.minimum(np.minimum.accumulate(scaled), 1)
    return q
