"""The error of a slope under autocorrelation: slow projections of the noise, prewhitened by AR models."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from aging.trends.noise import LONG_MEMORY, PARSIMONIOUS, centred_index, detrend, model_autocorrelation
from aging.trends.series import Floats

COSINES = 8
"""Slow cosines that set the level of the noise, and so the degrees of freedom of the slope's Student t."""


def slope_variance(r: Floats) -> float:
    """Return the variance of the coordinate that :func:`~aging.trends.noise.detrend` gives, for ``r`` of shape (n,).

    Series heteroscedasticity- and autocorrelation-robust inference (Sun 2011;
    Lazarus et al. 2018): the level of the noise is the mean square of its
    projections on eight slow cosines orthogonal to (1, t), each first divided by
    the variance that an AR model of the residuals gives it. Two models are
    tried, and the greater variance is returned. The residuals must not be zero.
    """
    _, residuals = detrend(r)
    basis, weights = _basis(r.size)
    projections = (basis @ r) ** 2
    variances = [weights @ model_autocorrelation(residuals, caution) for caution in (LONG_MEMORY, PARSIMONIOUS)]
    return max(_at_level_shown(np.maximum(given, 1e-12), projections) for given in variances)


def _at_level_shown(given: Floats, projections: Floats) -> float:
    """The slope's variance as the model gives it, at the level that the cosines show. ``given``: slope, cosines."""
    return max(float(given[0] * np.mean(projections / given[1:])), 1e-300)


@lru_cache(maxsize=2)
def _basis(n: int) -> tuple[Floats, Floats]:
    """Return the cosines, shape (8, n), orthonormal and orthogonal to (1, t), and the lag weights, shape (9, n).

    Weight row k times an autocorrelation is that coordinate's variance; row 0 is the slope's.
    """
    index = centred_index(n)
    basis = np.empty((COSINES + 1, n))
    basis[0] = index / np.sqrt(index @ index)
    phase = np.pi * (np.arange(n) + 0.5) / n
    for j in range(1, COSINES + 1):
        cosine = np.cos(j * phase)
        for _ in range(2):  # twice is enough (Kahan; Parlett 1980)
            cosine -= cosine.mean()
            cosine -= (basis[:j] @ cosine) @ basis[:j]
        basis[j] = cosine / np.sqrt(cosine @ cosine)
    length = next_fast_len(2 * n, real=True)
    weights = np.empty((COSINES + 1, n))
    for row, coordinate in zip(weights, basis, strict=True):
        spectrum = rfft(coordinate, length)
        row[:] = irfft(spectrum.real**2 + spectrum.imag**2, length)[:n]
    weights[:, 1:] *= 2
    return basis[1:], weights
