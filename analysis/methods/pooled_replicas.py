"""Coverage and width of intervals of a pooled rate, for the few replicas that a campaign has.

A replica's rate has a known error of its own, and differs from the common rate by a normal deviation whose scale is
``spread`` errors. Six intervals: of a common effect (Σw known), DerSimonian and Laird's with normal limits (1986),
Hartung and Knapp's with Student's t at k - 1 degrees of freedom (2001), the same never narrower than DerSimonian and
Laird's error (``modified``: Knapp and Hartung 2003; Röver, Knapp and Friede 2015), which :func:`aging.stats.pool` has,
and the Bayesian one with a half-normal prior of the deviation whose scale is one or four errors (Friede et al. 2017).
Widths are medians, as multiples of the interval that knows the spread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from aging.stats import pool
from analysis.methods.study import conduct, generator, on_all_cores, progress

REPLICAS = (2, 3, 5)
SPREADS = (0.0, 0.5, 1.0, 2.0, 5.0)
ERRORS: Mapping[str, float] = {"equal": 1.0, "one in three": 3.0}
"""How many times the error of every third replica, from the second on, is that of the others."""

REPLICATES, _QUICK = 20_000, 200
_Z, _LEVELS = 1.96, (0.025, 0.975)
_GRID, _STEPS = 48, 34

Floats = NDArray[np.float64]
Limits = tuple[Floats, Floats]
Interval = Callable[[Floats, Floats], Limits]


def errors_of(k: int, kind: str) -> Floats:
    """Return the errors of k replicas."""
    errors = np.ones(k)
    errors[1::3] = ERRORS[kind]
    return errors


def common(y: Floats, se: Floats) -> Limits:
    """Return limits of shape (n,) for rates of shape (n, k): weights 1 / se², no deviation."""
    return _normal(y, np.broadcast_to(1 / se**2, y.shape))


def dersimonian_laird(y: Floats, se: Floats) -> Limits:
    """Return the same with the moment estimate of the deviation's variance."""
    return _normal(y, _weights(y, se))


def hartung_knapp(y: Floats, se: Floats) -> Limits:
    """Return the same with the weighted spread for the error, and Student's t."""
    return _student(y, _weights(y, se), least=0.0)


def modified(y: Floats, se: Floats) -> Limits:
    """Return Hartung and Knapp's limits, never narrower than by DerSimonian and Laird's error."""
    return _student(y, _weights(y, se), least=1.0)


def half_normal(scale: float) -> Interval:
    """Return the central posterior limits under a half-normal prior of this scale and a flat one of the rate."""

    def limits(y: Floats, se: Floats) -> Limits:
        tau = np.linspace(0.0, 4.5 * scale, _GRID)
        weights = 1 / (se**2 + tau[:, None] ** 2)  # (grid, k)
        total = weights.sum(axis=1)
        means = y @ weights.T / total  # (n, grid)
        misfit = (y**2) @ weights.T - means**2 * total
        log = -0.5 * (tau / scale) ** 2 + 0.5 * np.log(weights).sum(axis=1) - 0.5 * np.log(total) - 0.5 * misfit
        share = np.exp(log - log.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        sd = 1 / np.sqrt(total)
        low, high = (_quantile(level, means, sd, share) for level in _LEVELS)
        return low, high

    return limits


METHODS: Mapping[str, Interval] = {
    "common effect": common,
    "DerSimonian-Laird": dersimonian_laird,
    "Hartung-Knapp": hartung_knapp,
    "modified Hartung-Knapp": modified,
    "half-normal, scale 1": half_normal(1.0),
    "half-normal, scale 4": half_normal(4.0),
}


def _quantile(level: float, means: Floats, sd: Floats, share: Floats) -> Floats:
    """The quantile of mixtures of normals, shape (n,), by bisection."""
    low, high = (means - 9 * sd).min(axis=1), (means + 9 * sd).max(axis=1)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        below = (share * ndtr((middle[:, None] - means) / sd)).sum(axis=1) < level
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray((low + high) / 2)


def _weights(y: Floats, se: Floats) -> Floats:
    """Weights by the moment estimate of DerSimonian and Laird (1986)."""
    fixed, k = 1 / se**2, se.size
    q = (fixed * (y - _mean(y, fixed)[:, None]) ** 2).sum(axis=1)
    tau2 = np.maximum(0.0, (q - (k - 1)) / (fixed.sum() - (fixed**2).sum() / fixed.sum()))
    return np.asarray(1 / (se**2 + tau2[:, None]))


def _mean(y: Floats, weights: Floats) -> Floats:
    return np.asarray((weights * y).sum(axis=-1) / weights.sum(axis=-1))


def _normal(y: Floats, weights: Floats) -> Limits:
    middle, half = _mean(y, weights), _Z / np.sqrt(weights.sum(axis=1))
    return middle - half, middle + half


def _student(y: Floats, weights: Floats, least: float) -> Limits:
    k, middle = y.shape[1], _mean(y, weights)
    spread = (weights * (y - middle[:, None]) ** 2).sum(axis=1) / (k - 1)
    half = float(stdtrit(k - 1, _LEVELS[1])) * np.sqrt(np.maximum(least, spread) / weights.sum(axis=1))
    return middle - half, middle + half


def cell(k: int, spread: float, kind: str, replicates: int) -> list[dict[str, object]]:
    """Return one row a method: the share of intervals that hold the rate (0), and their median width."""
    rng, se = generator("pooled replicas", k, spread, kind), errors_of(k, kind)
    y = rng.standard_normal((replicates, k)) * np.sqrt(se**2 + spread**2)
    ideal = 2 * _Z / np.sqrt((1 / (se**2 + spread**2)).sum())
    rows: list[dict[str, object]] = []
    for name, interval in METHODS.items():
        low, high = interval(y, se)
        held, width = float(np.mean((low <= 0) & (high >= 0))), float(np.median(high - low) / ideal)
        rows.append({"replicas": k, "spread": spread, "errors": kind, "method": name, "coverage": held, "width": width})
    return rows


def as_pooled(y: Floats, se: Floats) -> Limits:
    """Return the limits of :func:`aging.stats.pool`, which must be those of :func:`modified`."""
    pooled = [pool(row, se, method="hartung-knapp") for row in y]
    return np.array([one.low for one in pooled]), np.array([one.high for one in pooled])


def measure(full: bool) -> pd.DataFrame:
    """One row a number of replicas, spread, kind of errors and method."""
    cells = [(*one, full) for one in product(REPLICAS, SPREADS, ERRORS)]
    return pd.DataFrame([row for rows in on_all_cores(_rows, cells) for row in rows])


def _rows(one: tuple[int, float, str, bool]) -> list[dict[str, object]]:
    k, spread, kind, full = one
    rows = cell(k, spread, kind, REPLICATES if full else _QUICK)
    progress(f"{k} replicas, spread {spread:g}, errors {kind}")
    return rows


if __name__ == "__main__":
    conduct("pooled_replicas", __doc__, measure)
