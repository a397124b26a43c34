"""Power beside the oracle: generalised least squares that knows the noise's AR(1) coefficient and variance.

The slope of each cell is the one that the oracle finds in 80 of 100 series.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.signal import lfilter
from scipy.stats import norm

import aging.stats.trend_tests
from aging.core.plugins import discover
from aging.stats.trend_tests.base import TrendTest
from analysis.methods.signals import HOUR, Floats, ar1
from analysis.methods.study import LENGTHS, conduct, generator, on_all_cores, progress

ALPHA, POWER = 0.05, 0.8
PHIS = (0.0, 0.3, 0.6, 0.8, 0.9, 0.95)
REPLICATES, _QUICK = 400, 5
TESTS: Mapping[str, TrendTest] = discover(aging.stats.trend_tests, TrendTest)


def whitened(y: Floats, phi: float) -> Floats:
    """Return ``y`` filtered so that AR(1) noise of unit variance becomes white of unit variance (Prais and Winsten)."""
    white = lfilter((1.0, -phi), (1.0,), y) / np.sqrt(1 - phi**2)
    white[0] = y[0]
    return np.asarray(white, dtype=np.float64)


def oracle_z(y: Floats, phi: float) -> tuple[float, float]:
    """Return the normal score of the slope of ``y`` and its standard error, noise known but for nothing."""
    n = y.size
    design = np.column_stack([whitened(np.ones(n), phi), whitened(np.arange(n, dtype=np.float64), phi)])
    covariance = np.linalg.inv(design.T @ design)
    slope = float((covariance @ design.T @ whitened(y, phi))[1])
    error = float(np.sqrt(covariance[1, 1]))
    return slope / error, error


def detectable(phi: float, n: int) -> float:
    """Return the growth a sample that the oracle finds in 80 of 100 series of ``n``."""
    return float(norm.isf(ALPHA / 2) + norm.ppf(POWER)) * oracle_z(np.zeros(n), phi)[1]


def power(phi: float, n: int, replicates: int) -> dict[str, float]:
    """Return the share of series in which the oracle and every test find the slope."""
    rng = generator("power", phi, n)
    growth = detectable(phi, n) * np.arange(1.0, n + 1)
    found = dict.fromkeys(("oracle", *TESTS), 0)
    t = HOUR * np.arange(1.0, n + 1)
    for _ in range(replicates):
        y = growth + ar1(rng, n, phi)
        found["oracle"] += abs(oracle_z(y, phi)[0]) > norm.isf(ALPHA / 2)
        for kind, test in TESTS.items():
            found[kind] += test.run(t, y).p < ALPHA
    return {kind: count / replicates for kind, count in found.items()}


def measure(full: bool) -> pd.DataFrame:
    """One row a coefficient and length; ``decorrelation_times`` is the window in units of (1 + phi) / (1 - phi)."""
    return pd.DataFrame(
        on_all_cores(_row, [(phi, n, full) for phi in PHIS for n in (LENGTHS if full else LENGTHS[:1])])
    )


def _row(cell: tuple[float, int, bool]) -> dict[str, object]:
    phi, n, full = cell
    shares = power(phi, n, REPLICATES if full else _QUICK)
    progress(f"AR(1) {phi:g}, n = {n}: {shares['series_har']:.2f} of {shares['oracle']:.2f}")
    times = n * (1 - phi) / (1 + phi)
    ratio = shares["series_har"] / max(shares["oracle"], 1e-9)
    row: dict[str, object] = {"phi": phi, "n": n, "decorrelation_times": times, "ratio_to_oracle": ratio}
    return row | shares


if __name__ == "__main__":
    conduct("power", __doc__, measure)
