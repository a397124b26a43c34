"""The error of a slope under autocorrelation: slow projections of the noise, prewhitened by AR models."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from aging.trends.noise import LONG_MEMORY, PARSIMONIOUS, centred_index, detrend, is_zero, model_autocorrelation
from aging.trends.series import Floats

_ALIKE = 1e-9

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
    return _variance(r, residuals, _trend_coordinates(r.size))


def curve_score(y: Floats, curve: Floats, beside: Floats) -> float:
    """Return Student t, 8 degrees of freedom, of ``curve`` in a regression of ``y`` on (1, ``beside``, ``curve``).

    All have shape (n,). As :func:`slope_variance`, with the cosines orthogonal to
    all three. Infinite where nothing is left unexplained, 0 where ``curve`` and
    ``beside`` do not differ.
    """
    if abs(np.corrcoef(beside, curve)[0, 1]) > 1 - _ALIKE:
        return 0.0
    explained, coordinates = _coordinates([beside, curve])
    centred = y - y.mean()
    residuals = centred - (explained @ centred) @ explained
    if is_zero(residuals, float(np.ptp(y))):
        return float(np.inf)
    return float(explained[-1] @ centred) / float(np.sqrt(_variance(y, residuals, coordinates)))


class _Coordinates(NamedTuple):
    """Cosines, shape (8, n), and lag weights, shape (9, n).

    Weight row k times an autocorrelation is that coordinate's variance; row 0 is the target's.
    """

    cosines: Floats
    weights: Floats


def _variance(y: Floats, residuals: Floats, coordinates: _Coordinates) -> float:
    projections = (coordinates.cosines @ y) ** 2
    models = (model_autocorrelation(residuals, caution) for caution in (LONG_MEMORY, PARSIMONIOUS))
    return max(_at_level_shown(np.maximum(coordinates.weights @ rho, 1e-12), projections) for rho in models)


def _at_level_shown(given: Floats, projections: Floats) -> float:
    """The target's variance as the model gives it, at the level that the cosines show. ``given``: target, cosines."""
    return max(float(given[0] * np.mean(projections / given[1:])), 1e-300)


@lru_cache(maxsize=2)
def _trend_coordinates(n: int) -> _Coordinates:
    return _coordinates([centred_index(n)])[1]


def _coordinates(regressors: list[Floats]) -> tuple[Floats, _Coordinates]:
    """Return the regressors, orthonormal in turn and orthogonal to 1, shape (k, n), and the last one's coordinates."""
    n, k = regressors[0].size, len(regressors)
    phase = np.pi * (np.arange(n) + 0.5) / n
    rows = np.empty((k + COSINES, n))
    for j in range(k + COSINES):
        row = regressors[j].copy() if j < k else np.cos((j - k + 1) * phase)
        for _ in range(2):  # twice is enough (Kahan; Parlett 1980)
            row -= row.mean()
            row -= (rows[:j] @ row) @ rows[:j]
        rows[j] = row / np.sqrt(row @ row)
    length = next_fast_len(2 * n, real=True)
    weights = np.empty((COSINES + 1, n))
    for weight, row in zip(weights, rows[k - 1 :], strict=True):
        spectrum = rfft(row, length)
        weight[:] = irfft(spectrum.real**2 + spectrum.imag**2, length)[:n]
    weights[:, 1:] *= 2
    return rows[:k], _Coordinates(rows[k:], weights)
