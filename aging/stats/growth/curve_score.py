"""Score of one curve beside another in a regression under autocorrelation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

from aging.stats.noise.autoregression import autoregressive_autocorrelation
from aging.stats.noise.har_variance import COSINES, at_level_shown
from aging.stats.noise.models import is_zero, models
from aging.stats.series.validation import Floats

_ALIKE = 1e-9


@dataclass(frozen=True, slots=True)
class Part:
    """The coefficient of a curve, its standard error (Student t, 8 degrees of freedom), and the squares left."""

    coefficient: float
    error: float
    left: float

    @property
    def score(self) -> float:
        """Infinite where nothing is left unexplained."""
        return self.coefficient / self.error if self.error > 0 else math.copysign(math.inf, self.coefficient)


def curve_score(y: Floats, curve: Floats, beside: Floats) -> float:
    """Return Student t, 8 degrees of freedom, of ``curve`` in a regression of ``y`` on (1, ``beside``, ``curve``).

    All have shape (n,). Infinite where nothing is left unexplained, 0 where ``curve`` and ``beside`` do not differ.
    """
    part = curve_part(y, curve, beside)
    return 0.0 if part is None else part.score


def curve_part(y: Floats, curve: Floats, beside: Floats) -> Part | None:
    """Return what ``curve`` explains of ``y`` in that regression; None where ``curve`` and ``beside`` do not differ.

    As :func:`~aging.stats.noise.har_variance.slope_variance`, with the cosines orthogonal to all three.
    """
    if abs(np.corrcoef(beside, curve)[0, 1]) > 1 - _ALIKE:
        return None
    rows = _orthonormal([beside, curve])
    explained, target, cosines = rows[:2], rows[1:], rows[2:]
    centred = y - y.mean()
    residuals = centred - (explained @ centred) @ explained
    norm = float(explained[-1] @ curve)
    coefficient = float(explained[-1] @ centred) / norm
    left = float(residuals @ residuals)
    if is_zero(residuals, float(np.ptp(y))):
        return Part(coefficient, 0.0, left)
    weights, projections = _lag_weights(target), (cosines @ y) ** 2
    rhos = (autoregressive_autocorrelation(model.phi, y.size) for model in models(residuals))
    variance = max(at_level_shown(np.maximum(weights @ rho, 1e-12), projections) for rho in rhos)
    return Part(coefficient, float(np.sqrt(variance)) / norm, left)


def _orthonormal(regressors: list[Floats]) -> Floats:
    """Return the regressors and eight slow cosines, orthonormal in turn and orthogonal to 1, shape (k + 8, n)."""
    n, k = regressors[0].size, len(regressors)
    phase = np.pi * (np.arange(n) + 0.5) / n
    rows = np.empty((k + COSINES, n))
    for j in range(k + COSINES):
        row = regressors[j].copy() if j < k else np.cos((j - k + 1) * phase)
        for _ in range(2):  # twice is enough (Kahan; Parlett 1980)
            row -= row.mean()
            row -= (rows[:j] @ row) @ rows[:j]
        rows[j] = row / np.sqrt(row @ row)
    return rows


def _lag_weights(rows: Floats) -> Floats:
    """Return what a row's product with an autocorrelation (lags 0..n-1) gives its variance, shape as ``rows``."""
    n = rows.shape[1]
    length = next_fast_len(2 * n, real=True)
    spectra = rfft(rows, length)
    weights: Floats = irfft(spectra.real**2 + spectra.imag**2, length)[:, :n]
    weights[:, 1:] *= 2
    return weights
