"""Sample autocorrelation, and what autocorrelation does to the variance of Kendall's S."""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from aging.stats.series.validation import Floats

_FEW = 100
_PIECE = 8192


def autocovariance(y: Floats, lags: int) -> Floats:
    """Return the autocovariances of ``y`` at lags 0..``lags`` (divisor n), shape (lags + 1,); ``y`` has mean zero."""
    covariance: Floats = lagged_products(np.append(np.zeros(lags), y), y)[::-1] / y.size
    return covariance


def lagged_products(x: Floats, y: Floats) -> Floats:
    """Return sum_i x[k + i] y[i] for every k at which ``y`` lies within ``x``, shape (x.size - y.size + 1,).

    In pieces that stay in the cache and that no BLAS spreads over threads: half
    the time of one ``np.correlate`` at n = 777,600, a twentieth with two threads.
    """
    products = np.zeros(x.size - y.size + 1)
    for first in range(0, y.size, _PIECE):
        piece = y[first : first + _PIECE]
        products += np.correlate(x[first : first + piece.size + products.size - 1], piece, mode="valid")
    return products


def autocorrelation(y: Floats, lags: int | None = None) -> Floats:
    """Return the autocorrelations of ``y`` at lags 0..``lags``, or at all of them; ``y`` must not be constant.

    Shape (lags + 1,) or (n,). All of them are had by FFT.
    """
    centred = y - y.mean()
    if lags is not None and lags <= _FEW:
        covariance = autocovariance(centred, lags)
    else:
        length = next_fast_len(2 * y.size, real=True)
        spectrum = rfft(centred, length)
        power = spectrum.real**2
        power += spectrum.imag**2
        covariance = irfft(power, length)[: y.size if lags is None else lags + 1]
    rho: Floats = covariance / covariance[0]
    return rho


def variance_inflation(rho: Floats, n: int) -> float:
    """Return var S under autocorrelation over var S under independence (Hamed and Rao 1998, eq. 8).

    1 + 2 / (n(n-1)(n-2)) * sum over lags i of (n-i)(n-i-1)(n-i-2) rho_i, where
    ``rho`` holds the rank autocorrelations at lags 1, 2, ... It may be negative
    when ``rho`` is not a positive definite function.
    """
    lag = np.arange(1, rho.size + 1, dtype=np.float64)
    weights = (n - lag) * (n - lag - 1) * (n - lag - 2)
    return float(1 + 2 / (n * (n - 1.0) * (n - 2.0)) * (weights @ rho))
