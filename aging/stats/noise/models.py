"""The noise around a trend, as the ranks show it: model, and what it does to the variance of Kendall's S."""

from __future__ import annotations

import numpy as np

from aging.stats.noise.autocorrelation import variance_inflation
from aging.stats.noise.autoregression import Autoregression, Caution, fit_each
from aging.stats.series.validation import Floats

LONG_MEMORY = Caution(penalty=2.0, percentile=-3.96, gap=0.3)
"""Sooner takes the root for 1: what a test of many nulls needs beside the next."""

PARSIMONIOUS = Caution(penalty=None, percentile=-2.18, gap=1.0)
"""The median-unbiased choice: what an interval needs."""


def detrend(r: Floats) -> tuple[float, Floats]:
    """Return the least-squares slope of ``r``, shape (n,), on its index, times sqrt(S_tt), and the residuals."""
    index = centred_index(r.size)
    norm = float(np.sqrt(index @ index))
    coordinate = float(index @ r) / norm
    index *= -coordinate / norm
    index += r
    index -= r.mean()
    return coordinate, index


def centred_index(n: int) -> Floats:
    """Return 0..n-1 less its mean, shape (n,)."""
    return np.arange(n, dtype=np.float64) - (n - 1) / 2


def is_zero(u: Floats, scale: float) -> bool:
    """Whether ``u`` is only rounding of numbers of size ``scale``."""
    return bool(np.abs(u).max() <= 1e-9 * scale)


def models(u: Floats) -> tuple[Autoregression, Autoregression]:
    """Return the AR models, long-memory and parsimonious, of ``u``: mean zero, not all zero, shape (n,)."""
    long_memory, parsimonious = fit_each(u, (LONG_MEMORY, PARSIMONIOUS))
    return long_memory, parsimonious


def inflation(rho: Floats) -> float:
    """Return var S over its value under independence, at least 1/n, under the autocorrelation ``rho``, lags 0..n-1."""
    return max(variance_inflation(rho[1:], rho.size), 1 / rho.size)
