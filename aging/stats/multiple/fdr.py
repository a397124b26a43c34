"""False-discovery control over many tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from aging.stats.series.validation import Floats, SeriesError


def benjamini_hochberg(p: ArrayLike | Sequence[float | None]) -> Floats:
    """Return the adjusted p (q) of each test under independence or positive dependence (Benjamini and Hochberg 1995).

    ``p`` has shape (m,); a missing one (None or NaN) stays NaN and does not
    count as a test. Raises :class:`~aging.stats.SeriesError` for a p outside [0, 1].
    """
    return _adjusted(p, "bh")


def benjamini_yekutieli(p: ArrayLike | Sequence[float | None]) -> Floats:
    """Return the adjusted p (q) of each test under any dependence (Benjamini and Yekutieli 2001); as above."""
    return _adjusted(p, "by")


def probabilities(p: ArrayLike | Sequence[float | None]) -> Floats:
    """Return ``p`` as floats, None as NaN; raises :class:`~aging.stats.SeriesError` for one outside [0, 1]."""
    values = np.asarray(p, dtype=np.float64)
    if np.any((values < 0) | (values > 1)):
        raise SeriesError("every p must lie between 0 and 1")
    return values


def _adjusted(p: ArrayLike | Sequence[float | None], method: Literal["bh", "by"]) -> Floats:
    from scipy.stats import false_discovery_control  # noqa: PLC0415 - 0.6 s to import, and a single series has no need

    values = probabilities(p)
    known = np.isfinite(values)
    q = np.full(values.shape, np.nan)
    if known.any():
        q[known] = false_discovery_control(values[known], method=method)
    return q
