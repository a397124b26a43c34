"""Synthetic series with known truth; every generator takes a random generator and the number of samples."""

from __future__ import annotations

import numpy as np

PAGE = 4096.0


def autoregressive(rng: np.random.Generator, n: int, phi: float) -> np.ndarray:
    """AR(1) noise of unit variance, stationary from the first sample, shape (n,)."""
    noise = rng.standard_normal(n) * np.sqrt(1 - phi**2)
    value, values = rng.standard_normal(), np.empty(n)
    for k in range(n):
        value = phi * value + noise[k]
        values[k] = value
    return values


def fractional_noise(rng: np.random.Generator, n: int, d: float) -> np.ndarray:
    """(1 - L)^d x = e, of which the first 4 n values are left out, shape (n,)."""
    lag = np.arange(1.0, 5 * n)
    weights = np.concatenate(([1.0], np.cumprod((lag - 1 + d) / lag)))
    spectrum = np.fft.rfft(weights, 10 * n) * np.fft.rfft(rng.standard_normal(5 * n), 10 * n)
    return np.fft.irfft(spectrum, 10 * n)[4 * n : 5 * n]


def separate_losses(rng: np.random.Generator, n: int, losses: int) -> np.ndarray:
    """A leak of about ``losses`` equal losses of two pages at random moments, shape (n,)."""
    return np.cumsum(rng.poisson(losses / n, n)) * 2 * PAGE


def staircase(rng: np.random.Generator, n: int, steps: int) -> np.ndarray:
    """A level that rises by one page at ``steps`` random moments, shape (n,)."""
    return np.searchsorted(np.sort(rng.uniform(0, n, steps)), np.arange(n)) * PAGE + 1e6


def high_water_mark(rng: np.random.Generator, n: int, phi: float) -> np.ndarray:
    """The running maximum of AR(1) demand, shape (n,)."""
    return np.maximum.accumulate(autoregressive(rng, n, phi))
