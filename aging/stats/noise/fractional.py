"""Noise whose memory falls as a power of the lag: autoregressive models forget it too soon."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from aging.stats.noise.autoregression import Autoregression
from aging.stats.series.validation import Floats

_GRID = np.arange(0.0, 0.495, 0.01)
_WIDENING = 1.02
_STANDARD_ERROR = math.sqrt(6) / math.pi
_PRICE = 2.0


def memory(u: Floats, others: Sequence[Autoregression]) -> float | None:
    """Return d of the fractional noise (1 - L)^d u = e, 0 <= d < 1/2, that explains ``u`` better than ``others`` do.

    None where one of those has the lower Akaike criterion. ``u``: mean zero, not
    all zero, shape (n,). Likelihoods are Whittle's (Fox and Taqqu 1986). One
    standard error, sqrt(6 / n) / pi, is added: a test must not take memory for
    shorter than it is.
    """
    n, bands = u.size, _bands(u.size)
    spectrum = rfft(u)[1 : n // 2 + 1]
    power = np.add.reduceat(spectrum.real**2 + spectrum.imag**2, bands.first) / (n // 2)
    fractional = n * (np.log(bands.gains @ power) - 2 * _GRID * bands.mean_log_gain)
    best = int(np.argmin(fractional))
    bar = float(fractional[best]) + _PRICE
    if any(n * math.log(_gain(model.phi, bands) @ power) + _PRICE * model.phi.size <= bar for model in others):
        return None
    return min(float(_GRID[best]) + _STANDARD_ERROR / math.sqrt(n), float(_GRID[-1]))


def fractional_autocorrelation(d: float, n: int) -> Floats:
    """Return lags 0..n-1 of the autocorrelation of fractional noise, shape (n,) (Hosking 1981, theorem 1)."""
    lag = np.arange(1.0, n)
    return np.concatenate(([1.0], np.cumprod((lag - 1 + d) / (lag - d))))


class _Bands(NamedTuple):
    """Neighbouring Fourier frequencies: which is the first, and their mean, both shape (bands,).

    ``gains`` are those of (1 - L)^d, squared, shape (grid, bands); ``mean_log_gain`` is the mean over all frequencies
    of ln 2 sin(frequency / 2), of which they are exp(2 d).
    """

    first: NDArray[np.int64]
    frequency: Floats
    gains: Floats
    mean_log_gain: float


@lru_cache(maxsize=8)  # all series of a run have one length
def _bands(n: int) -> _Bands:
    edges = [0]
    while edges[-1] < n // 2:
        edges.append(min(max(edges[-1] + 1, int((edges[-1] + 1) * _WIDENING) - 1), n // 2))
    first, size = np.array(edges[:-1]), np.diff(edges)
    frequency = 2 * np.pi * np.arange(1, n // 2 + 1) / n
    log_gain = np.log(2 * np.sin(frequency / 2))
    mean_frequency, mean_gain = (np.add.reduceat(each, first) / size for each in (frequency, log_gain))
    return _Bands(first, mean_frequency, np.exp(2 * np.outer(_GRID, mean_gain)), float(log_gain.mean()))


def _gain(phi: Floats, bands: _Bands) -> Floats:
    """Return the squared gain of the filter that makes an autoregressive process white."""
    lags = np.arange(1, phi.size + 1)
    gain: Floats = np.abs(1 - np.exp(-1j * np.outer(bands.frequency, lags)) @ phi) ** 2
    return gain
