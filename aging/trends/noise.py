"""The noise around a trend, as the ranks show it: model, and what it does to the variance of Kendall's S."""

from __future__ import annotations

import numpy as np

from aging.trends.autocorrelation import variance_inflation
from aging.trends.autoregression import Caution, autoregressive_autocorrelation, fit
from aging.trends.series import Floats

LONG_MEMORY = Caution(penalty=2.0, percentile=-3.96, gap=0.3)
"""Sooner takes the root for 1: what a test of many nulls needs beside the next."""

PARSIMONIOUS = Caution(penalty=None, percentile=-2.18, gap=1.0)
"""The median-unbiased choice: what an interval needs."""


def detrend(r: Floats) -> tuple[float, Floats]:
    """Return the least-squares slope of ``r``, shape (n,), on its index, times sqrt(S_tt), and the residuals."""
    index = centred_index(r.size)
    norm = float(np.sqrt(index @ index))
    coordinate = float(index @ r) / norm
    return coordinate, r - r.mean() - coordinate / norm * index


def centred_index(n: int) -> Floats:
    """Return 0..n-1 less its mean, shape (n,)."""
    return np.arange(n, dtype=np.float64) - (n - 1) / 2


def is_zero(u: Floats, scale: float) -> bool:
    """Tell whether ``u`` is nothing but rounding of numbers of size ``scale``."""
    return bool(np.abs(u).max() <= 1e-9 * scale)


def model_autocorrelation(u: Floats, caution: Caution) -> Floats:
    """Return the autocorrelation, lags 0..n-1, of the AR model fitted to ``u``: mean zero, not all zero, shape (n,)."""
    return autoregressive_autocorrelation(fit(u, caution).phi, u.size)


def inflation(u: Floats) -> float:
    """Return var S over its value under independence for noise like ``u`` (as above), at least 1/n."""
    n = u.size
    return max(variance_inflation(model_autocorrelation(u, PARSIMONIOUS)[1:], n), 1 / n)
