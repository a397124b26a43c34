"""Means, quantiles and shares of what requests show, with errors that allow for autocorrelation.

Requests of one minute resemble each other: one slow batch delays all of them. So values are summed in cells of a time
grid, and the error of a total over the cells is read from their eight slowest cosines (equal-weighted cosine estimator,
Müller 2007; Lazarus et al. 2018), which has eight degrees of freedom.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from aging.stats.difference.uncertain import CONFIDENCE, Uncertain, of_limits, quantile
from aging.stats.noise.har_variance import COSINES
from aging.stats.series.validation import Floats, SeriesError

LEAST_CELLS = 12
LEAST_VALUES = 30

Cells = NDArray[np.int64]


def quantile_of(values: Floats, cell: Cells, cells: int, share: float) -> Uncertain:
    """Return the quantile ``share`` of ``values``, shape (n,), n >= 30, each in one of ``cells`` >= 12.

    The interval of Woodruff (1952): the share of values up to the quantile is a mean of ones and zeros; its limits are
    turned back into values by the quantile function. A limit beyond the greatest (least) value is infinite: so few
    values do not bound that quantile. Raises :class:`~aging.stats.SeriesError`.
    """
    _enough(values.size, cells)
    found = float(np.quantile(values, share))
    error = _total_error(_less(values <= found, share), cell, cells) / values.size
    margin = quantile(COSINES, CONFIDENCE) * error
    low = float(np.quantile(values, share - margin)) if share > margin else -math.inf
    high = float(np.quantile(values, share + margin)) if share + margin < 1 else math.inf
    return of_limits(found, low, high, float(COSINES))


def share_of(marked: NDArray[np.bool_], cell: Cells, cells: int) -> Uncertain:
    """Return the share of ``marked``, shape (n,), n >= 30, with Wilson's limits (1927).

    They are those of n divided by how much more the share varies than of independent requests, which is at least 1.
    So none marked of n is not known to be 0. Raises :class:`~aging.stats.SeriesError`.
    """
    _enough(marked.size, cells)
    share = float(marked.mean())
    independent = share * (1 - share) / marked.size
    error = _total_error(_less(marked, share), cell, cells) / marked.size
    n = marked.size / max(error**2 / independent if independent > 0 else 1.0, 1.0)
    t = quantile(COSINES, CONFIDENCE)
    middle = (share + t**2 / (2 * n)) / (1 + t**2 / n)
    half = t / (1 + t**2 / n) * math.sqrt(share * (1 - share) / n + t**2 / (4 * n**2))
    return of_limits(share, min(middle - half, share), max(middle + half, share), float(COSINES))


def rate_of(amounts: Floats, cell: Cells, cells: int, seconds: float) -> Uncertain:
    """Return the mean rate per second of ``amounts``, shape (n,), over all ``cells`` >= 12, which last ``seconds``.

    Raises :class:`~aging.stats.SeriesError`.
    """
    _enough(amounts.size, cells)
    total = np.bincount(cell, weights=amounts, minlength=cells).astype(np.float64)
    error = _error_of_sum(total - total.mean()) / seconds
    return Uncertain(float(total.sum()) / seconds, error, error, float(COSINES))


def _less(marked: NDArray[np.bool_], share: float) -> Floats:
    return marked.astype(np.float64) - share


def _enough(values: int, cells: int) -> None:
    if cells < LEAST_CELLS:
        raise SeriesError(f"the window has {cells} cells of the grid; at least {LEAST_CELLS} are needed")
    if values < LEAST_VALUES:
        raise SeriesError(f"there are {values} values; at least {LEAST_VALUES} are needed")


def _total_error(parts: Floats, cell: Cells, cells: int) -> float:
    return _error_of_sum(np.bincount(cell, weights=parts, minlength=cells).astype(np.float64))


def _error_of_sum(departures: Floats) -> float:
    """The standard error of the sum of ``departures`` from their mean, shape (n,), from their slow cosines."""
    n = departures.size
    return math.sqrt(n * float(np.mean((_cosines(n) @ departures) ** 2)))


@lru_cache(maxsize=8)
def _cosines(n: int) -> Floats:
    phase = np.pi * (np.arange(n) + 0.5) / n
    return np.asarray(np.sqrt(2 / n) * np.cos(np.outer(np.arange(1, COSINES + 1), phase)), dtype=np.float64)
