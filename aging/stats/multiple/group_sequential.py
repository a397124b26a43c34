"""Group-sequential levels: nominal levels of repeated looks at one growing series."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from aging.stats.series.validation import Floats, SeriesError, as_values

_GRID = 801
_REACH = 8.0
_FARTHEST = 37.0


def look_levels(times: ArrayLike, alpha: float = 0.05) -> Floats:
    """Return the two-sided p to compare at each look so that all looks together have the error probability ``alpha``.

    ``times``, shape (k,), increasing, are the looks' times since the first
    sample, the last of them the planned end. O'Brien–Fleming spending (Lan and
    DeMets 1983) in information time (t / t_end)^3, for that is how a slope's
    information grows. The level of a look depends on it and earlier ones alone,
    given the planned end. Bounds by recursive integration (Armitage, McPherson
    and Rowe 1969). An early level may be so small that it is 0. Raises
    :class:`~aging.stats.SeriesError`.

    Four looks at equal distances; the first two need more than any trend can show:

    >>> [float(f"{level:.2g}") for level in look_levels([1, 2, 3, 4])]
    [1.3e-71, 4.6e-10, 0.0011, 0.05]
    """
    looks = as_values(times, least=1, name="times")
    if looks[0] <= 0 or np.any(np.diff(looks) <= 0):
        raise SeriesError("times must be positive and increase")
    if not 0 < alpha < 1:
        raise SeriesError(f"alpha must lie between 0 and 1, not {alpha}")
    information = (looks / looks[-1]) ** 3
    spent = np.append(0.0, spending(information, alpha))
    bounds: list[float] = []
    grid, mass, before = np.zeros(1), np.ones(1), 0.0
    for now, share in zip(information, np.diff(spent), strict=True):
        width = math.sqrt(now - before)
        bound = _bound(grid, mass, width, float(share), math.sqrt(now))
        bounds.append(bound / math.sqrt(now))
        edge = min(bound, _REACH * math.sqrt(now))
        inside = np.linspace(-edge, edge, _GRID)
        density = _normal((inside[:, None] - grid[None, :]) / width) / width @ mass
        weights = np.full(_GRID, inside[1] - inside[0])
        weights[[0, -1]] /= 2
        grid, mass, before = inside, density * weights, float(now)
    return np.asarray(2 * ndtr(-np.array(bounds)), dtype=np.float64)


def spending(information: Floats, alpha: float) -> Floats:
    """Return the error that may be spent by each fraction of ``information`` in (0, 1], shape (k,)."""
    return np.asarray(4 * ndtr(ndtri(alpha / 4) / np.sqrt(information)), dtype=np.float64)


def _bound(grid: Floats, mass: Floats, width: float, share: float, scale: float) -> float:
    """Return the bound that a step of standard deviation ``width`` from ``mass`` on ``grid`` passes with ``share``."""

    from scipy.optimize import brentq  # noqa: PLC0415 - 0.2 s to import, and only early looks need it

    def excess(bound: float) -> float:
        beyond = ndtr((grid - bound) / width) + ndtr((-bound - grid) / width)
        return float(beyond @ mass) - share

    if excess(_FARTHEST * scale) >= 0:
        return math.inf

    return float(brentq(excess, 0.0, _FARTHEST * scale, xtol=1e-12 * scale))


def _normal(z: Floats) -> Floats:
    return np.asarray(np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi), dtype=np.float64)
