"""Taking a series' first autocorrelation away."""

from __future__ import annotations

import numpy as np

from aging.stats.noise.autocorrelation import autocorrelation
from aging.stats.series.validation import Floats


def lag_one(y: Floats) -> float:
    """Return the lag-1 autocorrelation of ``y``, shape (n,); 0 for a constant series."""
    return float(autocorrelation(y, 1)[1]) if np.ptp(y) > 0 else 0.0


def without_lag_one(y: Floats) -> Floats:
    """Return y_k - r y_{k-1} with r the lag-1 autocorrelation, shape (n - 1,)."""
    whitened: Floats = y[1:] - lag_one(y) * y[:-1]
    return whitened
