"""Taking a series' first autocorrelation away, with and without its trend."""

from __future__ import annotations

import numpy as np

from aging.trends.autocorrelation import autocorrelation
from aging.trends.series import Floats
from aging.trends.slope import steps_from_one, theil_sen


def lag_one(y: Floats) -> float:
    """Return the lag-1 autocorrelation of ``y``, shape (n,); 0 for a constant series."""
    return float(autocorrelation(y)[1]) if np.ptp(y) > 0 else 0.0


def without_lag_one(y: Floats) -> Floats:
    """Return y_k - r y_{k-1} with r the lag-1 autocorrelation, shape (n - 1,)."""
    whitened: Floats = y[1:] - lag_one(y) * y[:-1]
    return whitened


def without_trend(t: Floats, y: Floats) -> Floats:
    """Return ``y`` less its Sen slope, shape (n,)."""
    return y - theil_sen(t, y) * steps_from_one(t)


def without_lag_one_of_residuals(t: Floats, y: Floats) -> Floats:
    """Return the whitened residuals of the Sen slope with the slope put back, shape (n - 1,)."""
    blended: Floats = without_lag_one(without_trend(t, y)) + theil_sen(t, y) * steps_from_one(t)[:-1]
    return blended
