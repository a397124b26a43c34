"""Comparing regressions under autocorrelated noise."""

from __future__ import annotations

import math

import numpy as np

from aging.stats.noise.autocorrelation import autocovariance
from aging.stats.series.validation import Floats

_MOST_COEFFICIENTS = 4


def whitened_criterion(y: Floats, design: Floats, searched: int = 0) -> float:
    """Return the Bayesian information criterion of ``y``, shape (n,), on ``design``, shape (n, k), n > k + 4.

    The residuals' AR model, of order 4 at most, whitens both, and they are fitted
    again. ``searched`` counts parameters besides the columns that were searched for.
    """
    n = y.size
    residuals = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    floor = 1e-18 * float(np.ptp(y)) ** 2
    phi = _whitener(residuals) if float(np.mean(residuals**2)) > floor else np.empty(0)
    white_y, white_design = _whitened(y, phi), np.column_stack([_whitened(column, phi) for column in design.T])
    white = white_y - white_design @ np.linalg.lstsq(white_design, white_y, rcond=None)[0]
    parameters = int(design.shape[1]) + searched + int(phi.size)
    return n * math.log(max(float(np.mean(white**2)), floor)) + parameters * math.log(n)


def _whitener(residuals: Floats) -> Floats:
    """Return the Yule–Walker coefficients of the order, at most 4, with the least Bayesian criterion."""
    n = residuals.size
    covariance = autocovariance(residuals, _MOST_COEFFICIENTS)
    least = n * math.log(covariance[0])
    best: Floats = np.empty(0)
    phi, innovation = best, float(covariance[0])
    for order in range(1, _MOST_COEFFICIENTS + 1):  # Levinson's recursion
        partial = float(covariance[order] - phi @ covariance[order - 1 : 0 : -1]) / innovation
        phi = np.append(phi - partial * phi[::-1], partial)
        innovation *= 1 - partial**2
        if innovation <= 0:
            break
        criterion = n * math.log(innovation) + order * math.log(n)
        if criterion < least:
            least, best = criterion, phi
    return best


def _whitened(x: Floats, phi: Floats) -> Floats:
    return np.convolve(x, np.append(1.0, -phi))[_MOST_COEFFICIENTS : x.size]
