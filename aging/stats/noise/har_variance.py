"""The error of a slope under autocorrelation: slow projections of the noise, prewhitened by AR models."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from aging.stats.series.validation import Floats

COSINES = 8
"""Slow cosines that set the level of the noise, and so the degrees of freedom of an interval's Student t."""

_TEST_COSINES = 12  # more would take in the daily cycle of a week's window

_ROW = 512


def cosines_of_test(n: int) -> int:
    """Return how many cosines, and degrees of freedom, the test of ``n`` samples has, n >= 12."""
    return min(_TEST_COSINES, n - 4)


def slope_variance(residuals: Floats, noise: Iterable[Floats], cosines: int = COSINES) -> float:
    """Return the variance of the coordinate that :func:`~aging.stats.noise.models.detrend` gives, beside its residuals.

    Series heteroscedasticity- and autocorrelation-robust inference (Sun 2011;
    Lazarus et al. 2018): the level of the noise is the mean square of the
    projections of the ``residuals``, shape (n,), on slow ``cosines`` orthogonal
    to (1, t), each first divided by the variance that a model of their ``noise``
    gives it. ``noise`` holds the models' autocorrelations at lags 0..n-1. The
    greatest of their variances is returned.
    """
    n = residuals.size
    combine = _combine(n, cosines)
    projections = (combine @ _coefficients(residuals, cosines))[1:] ** 2
    given = (np.diag(combine @ _products(n, rho, cosines) @ combine.T) for rho in noise)
    return max(at_level_shown(np.maximum(each, 1e-12), projections) for each in given)


@lru_cache(maxsize=8)  # all series of a run have one length
def _combine(n: int, cosines: int) -> Floats:
    """Return what makes orthonormal coordinates of t and the cosines: nothing of their shape is ever formed."""
    return np.linalg.inv(np.linalg.cholesky(_products(n, np.eye(1, n)[0], cosines)))


def at_level_shown(given: Floats, projections: Floats) -> float:
    """The target's variance as a model gives it, at the level that the cosines show. ``given``: target, cosines."""
    return max(float(given[0] * np.mean(projections / given[1:])), 1e-300)


def _coefficients(r: Floats, cosines: int) -> Floats:
    """Return the inner products of ``r`` with t, centred and divided by n, and the cosines cos(pi j (t + 1/2) / n)."""
    n = r.size
    turned: NDArray[np.complex128] = _slow_fourier(r, cosines) * np.exp(0.5j * _frequencies(n, cosines))
    index = np.arange(n, dtype=np.float64)
    index -= (n - 1) / 2
    return np.append((index @ r) / n, turned[1:].real)


def _products(n: int, rho: Floats, cosines: int) -> Floats:
    """Return b_i' R b_j, shape (k + 1, k + 1), of t and k cosines b; R has ``rho``, shape (n,), at lags 0..n-1.

    Over lags h, sums of t and cosines against themselves h later are closed forms
    in h, cos(pi j h / n) and sin(pi j h / n), so the first frequencies of rho
    and h rho are sufficient.
    """
    weighted = 2 * rho
    weighted[0] = rho[0]
    at = _slow_fourier(weighted, cosines)
    total, c, s = float(at[0].real), at[1:].real, at[1:].imag
    lag = np.arange(n, dtype=np.float64)
    # t and t: (n - h) ((n - h)^2 - 1 - 3 h^2) / 12
    products = np.zeros((cosines + 1, cosines + 1))
    products[0, 0] = weighted @ ((n - lag) * (((n - lag) ** 2 - 1 - 3 * lag**2) / (12.0 * n * n)))
    weighted *= lag
    late = _slow_fourier(weighted, cosines)[1:].real
    turn = _frequencies(n, cosines)[1:]
    with_t = n / 4 * s / np.sin(turn / 2) - (total + c) / 4 * np.cos(turn / 2) / np.sin(turn / 2) ** 2
    products[0, 1::2] = products[1::2, 0] = with_t[::2] / n  # t is odd about the middle, every second cosine even
    i, j, sums, differences = _pairs(n, cosines)
    products[i + 1, j + 1] = products[j + 1, i + 1] = ((s[i] - s[j]) / differences - (s[i] + s[j]) / sums) / 4
    same = (n * c - late - s / np.sin(turn)) / 2
    products[np.arange(1, cosines + 1), np.arange(1, cosines + 1)] = same
    return products


@lru_cache(maxsize=8)
def _pairs(n: int, cosines: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats, Floats]:
    """The pairs of cosines that are alike about the middle, and sin of half the sum and difference of their turns."""
    i, j = np.triu_indices(cosines, 2)
    alike = (j - i) % 2 == 0
    i, j = i[alike], j[alike]
    turn = _frequencies(n, cosines)[1:]
    return i, j, np.sin((turn[j] + turn[i]) / 2), np.sin((turn[j] - turn[i]) / 2)


def _frequencies(n: int, cosines: int) -> Floats:
    return np.arange(cosines + 1, dtype=np.float64) * (np.pi / n)


@lru_cache(maxsize=8)
def _within_row(n: int, cosines: int) -> Floats:
    angles = np.outer(np.arange(_ROW), _frequencies(n, cosines))
    return np.concatenate((np.cos(angles), np.sin(angles)), axis=1)


def _slow_fourier(x: Floats, cosines: int) -> NDArray[np.complex128]:
    """Return sum_h x_h exp(i pi j h / n), j = 0..``cosines``, for ``x`` of shape (n,): rows first, then over rows."""
    n, turn = x.size, _frequencies(x.size, cosines)
    rows = n // _ROW
    within = _within_row(n, cosines)
    sums = np.empty((rows + 1, within.shape[1]))
    np.matmul(x[: rows * _ROW].reshape(rows, _ROW), within, out=sums[:rows])
    sums[rows] = x[rows * _ROW :] @ within[: n - rows * _ROW]
    spectrum = sums[:, : turn.size] + 1j * sums[:, turn.size :]
    result: NDArray[np.complex128] = (spectrum * np.exp(1j * np.outer(np.arange(rows + 1) * _ROW, turn))).sum(axis=0)
    return result
