"""Sample autocorrelation, and what autocorrelation does to the variance of Kendall's S."""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from aging.trends.series import Floats


def autocovariance(y: Floats) -> Floats:
    """Return the autocovariances of ``y`` at lags 0..n-1 (divisor n), shape (n,), by FFT; ``y`` has mean zero."""
    length = next_fast_len(2 * y.size, real=True)
    spectrum = rfft(y, length)
    covariance: Floats = irfft(spectrum.real**2 + spectrum.imag**2, length)[: y.size] / y.size
    return covariance


def autocorrelation(y: Floats) -> Floats:
    """Return the autocorrelations of ``y`` at lags 0..n-1, shape (n,); ``y`` must not be constant."""
    covariance = autocovariance(y - y.mean())
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
