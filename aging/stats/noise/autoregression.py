"""Autoregressive noise near a unit root: order, fit, correction of the root's bias, implied autocorrelation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from aging.stats.noise.autocorrelation import autocovariance, lagged_products
from aging.stats.series.validation import Floats

_LARGEST_BLOCK, _LEAST_BLOCK = 256, 16
_DICKEY_FULLER_5 = -3.41


@dataclass(frozen=True, slots=True)
class Caution:
    """How an AR model is chosen and how near to 1 its root may be thought to lie.

    ``penalty`` is the price of a coefficient in the information criterion (2 for
    AIC; ``None`` for ln n, BIC). ``percentile`` is Roy and Fuller's tau_pct: the
    higher, the sooner a root counts as 1. The corrected root is at most 1 -
    ``gap`` / n.
    """

    penalty: float | None
    percentile: float
    gap: float


def largest_order(n: int) -> int:
    """Return min(12 (n/100)^(1/4), n/6), at least 1: Schwert's (1989) rule, bounded for short series."""
    return max(1, min(int(12 * (n / 100) ** 0.25), n // 6))


@dataclass(frozen=True, slots=True)
class Autoregression:
    """A bias-corrected AR model: its coefficients phi_1..phi_p, and the Dickey–Fuller statistic of the fit."""

    phi: Floats
    tau: float

    @property
    def may_be_integrated(self) -> bool:
        """Whether a unit root is not refused at 5 % (Dickey–Fuller, linear trend)."""
        return self.tau > _DICKEY_FULLER_5


def fit_each(u: Floats, cautions: Sequence[Caution]) -> list[Autoregression]:
    """Fit an AR model to ``u``, mean zero, not all zero, shape (n,), with each caution; always stationary ones.

    A higher-order fit whose other roots are explosive falls back to order 1.
    """
    n = u.size
    covariance = autocovariance(u, largest_order(n))
    fitted = lru_cache(partial(fit_dickey_fuller, u))  # cautions often agree on the order
    found = []
    for caution in cautions:
        order = choose_order(covariance, n, math.log(n) if caution.penalty is None else caution.penalty)
        model = _corrected(*fitted(order), n, caution)
        found.append(model if order == 1 or _is_stationary(model.phi) else _corrected(*fitted(1), n, caution))
    return found


def _corrected(root: float, error: float, psi: Floats, n: int, caution: Caution) -> Autoregression:
    corrected = correct_root(root, error, n, psi.size + 1, caution.percentile)
    return Autoregression(to_coefficients(min(corrected, 1 - caution.gap / n), psi), (root - 1) / error)


def _is_stationary(phi: Floats) -> bool:
    companion = np.diag(np.ones(phi.size - 1), -1)
    companion[0] = phi
    return bool(np.abs(np.linalg.eigvals(companion)).max() < 1)


def choose_order(covariance: Floats, n: int, penalty: float) -> int:
    """Return the order p >= 1 that minimises n ln(innovation variance) + p ``penalty``, by Levinson's recursion.

    ``covariance`` holds lags 0..p_max, of ``n`` samples.
    """
    best, order = n * math.log(covariance[0]), 0
    innovation = float(covariance[0])
    coefficients = np.empty(0)
    for p in range(1, covariance.size):
        partial = (covariance[p] - coefficients @ covariance[p - 1 : 0 : -1]) / innovation
        coefficients = np.append(coefficients - partial * coefficients[::-1], partial)
        innovation *= 1 - float(partial) ** 2
        if innovation <= 0:
            break
        criterion = n * math.log(innovation) + p * penalty
        if criterion < best:
            best, order = criterion, p
    return max(order, 1)


def fit_dickey_fuller(u: Floats, order: int) -> tuple[float, float, Floats]:
    """Fit u_t = a u_{t-1} + sum_i psi_i (u_{t-i} - u_{t-i-1}) + e_t by least squares.

    Returns a, its standard error, and psi, shape (order - 1,). In O(n order),
    without a design matrix: see :func:`_products_of_lags`.
    """
    lags = order - 1
    steps = np.diff(u)
    level, target = u[lags:-1], u[lags + 1 :]
    step = steps[lags:]
    gram, response = np.empty((order, order)), np.empty(order)
    gram[0, 0], response[0] = level @ level, target @ level
    if lags:
        gram[0, 1:] = gram[1:, 0] = _products(level, steps[:-1])
        gram[1:, 1:] = _products_of_lags(steps, lags)
        response[1:] = gram[0, 1:] + _products(step, steps[:-1])
    inverse = np.linalg.pinv(gram, hermitian=True)
    coefficients = inverse @ response
    residuals = target - coefficients[0] * level
    if lags:
        residuals -= np.convolve(steps[:-1], coefficients[1:], mode="valid")
    variance = float(residuals @ residuals) / max(1, target.size - order)
    error = math.sqrt(max(variance * float(inverse[0, 0]), 1e-300))
    return float(coefficients[0]), error, coefficients[1:]


def _products(x: Floats, steps: Floats) -> Floats:
    """Return the inner products of ``x`` with ``steps``, from its own end back as far as there are steps enough."""
    return lagged_products(steps, x)[::-1]


def _products_of_lags(steps: Floats, lags: int) -> Floats:
    """Return the inner products of ``steps`` at lags 1..``lags``, shape (lags, lags).

    Neighbouring entries of a diagonal differ by one product at either end.
    """
    products = np.empty((lags, lags))
    rows = steps.size - lags
    products[0] = _products(steps[lags - 1 : -1], steps[:-1])
    for i in range(1, lags):
        entering, leaving = steps[lags - 1 - i], steps[lags - 1 - i + rows]
        products[i, i:] = (
            products[i - 1, i - 1 : -1]
            + entering * steps[: lags - i][::-1]
            - leaving * steps[rows : rows + lags - i][::-1]
        )
        products[i:, i] = products[i, i:]
    products[:, 0] = products[0]
    return products


def correct_root(root: float, error: float, n: int, order: int, percentile: float) -> float:
    """Return the nearly median-unbiased root of Roy and Fuller (2001, eqs. 6 and 7) for a fit with a linear trend."""
    regressors, bend = 2, 10.0
    tau = (root - 1) / error
    half = (order + 1) // 2
    scale = (1 + regressors) * n
    slope = (scale - percentile**2 * (half + n)) / (percentile * (bend + percentile) * (half + n))
    if tau > percentile:
        correction = -tau
    elif tau > -bend:
        correction = half * tau / n - (1 + regressors) / (tau + slope * (tau + bend))
    elif tau > -math.sqrt(scale):
        correction = half * tau / n - (1 + regressors) / tau
    else:
        correction = 0.0
    return min(root + correction * error, 1.0)


def to_coefficients(root: float, psi: Floats) -> Floats:
    """Return phi_1..phi_p of the model whose Dickey–Fuller form has the given ``root`` and ``psi``."""
    phi = np.zeros(psi.size + 1)
    phi[0] = root
    phi[:-1] += psi
    phi[1:] -= psi
    return phi


def autoregressive_autocorrelation(phi: Floats, n: int) -> Floats:
    """Return lags 0..n-1 of the autocorrelation of a stationary AR(p) process, shape (n,).

    The first p lags solve the Yule–Walker equations; the recursion that yields
    the others is advanced in blocks, since a block is linear in the p lags before it.
    """
    p = phi.size
    block = max(min(math.isqrt(n), _LARGEST_BLOCK), _LEAST_BLOCK, p)
    start = _yule_walker(phi)
    lags = np.zeros((p + block, p))  # each lag as a combination of the p before the block
    lags[:p] = np.eye(p)
    for k in range(block):
        lags[p + k] = phi[::-1] @ lags[k : p + k]
    states = [start[-p:]]
    for _ in range((n - start.size) // block):
        states.append(lags[-p:] @ states[-1])
    rho = np.empty(start.size + len(states) * block)
    rho[: start.size] = start
    np.matmul(np.array(states), lags[p:].T, out=rho[start.size :].reshape(-1, block))
    return rho[:n]


def _yule_walker(phi: Floats) -> Floats:
    """Return the autocorrelations at lags 0..p of an AR(p) process."""
    p = phi.size
    system = np.eye(p)
    for k in range(1, p + 1):
        for i in range(1, p + 1):
            if k != i:
                system[k - 1, abs(k - i) - 1] -= phi[i - 1]
    return np.concatenate([[1.0], np.linalg.solve(system, phi)])
