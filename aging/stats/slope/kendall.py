"""Kendall's S and its variance under exchangeability, with the correction for ties."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aging.stats.series.validation import Floats
from aging.stats.slope.inversions import Order
from aging.stats.slope.reordering import sort


@dataclass(frozen=True, slots=True)
class Ranked:
    """Average ranks 1..n, shape (n,), with Kendall's S (rising minus falling pairs) and var S, exactly.

    var S = [n(n-1)(2n+5) - sum over ties of u(u-1)(2u+5)] / 18 (Kendall 1970, eq. 5.4).
    """

    ranks: Floats
    s: int
    variance: float


def ranked(y: Floats) -> Ranked:
    """Rank ``y``, shape (n,), in O(n log n)."""
    n = y.size
    order, exchanged = sort(y)
    starts = _run_starts(y[order])
    tied_pairs = sum(size * (size - 1) // 2 * count for size, count in _ties(starts, n))
    s = n * (n - 1) // 2 - 2 * exchanged - tied_pairs
    return Ranked(_mean_ranks(order, starts), s, _variance(starts, n))


def variance_of_s(y: Floats) -> float:
    """Return var S alone, for which ``y``, shape (n,), need not be ranked."""
    return _variance(_run_starts(y[sort(y).order]), y.size)


def kendall_s(y: Floats) -> tuple[int, float]:
    """Return S and var S of ``y``, shape (n,), as :class:`Ranked` has them."""
    found = ranked(y)
    return found.s, found.variance


def normal_score(s: int, variance: float) -> float:
    """Return z with Kendall's continuity correction; NaN where the variance is not positive."""
    if s == 0:
        return 0.0
    if not variance > 0:
        return math.nan
    return (s - math.copysign(1, s)) / math.sqrt(variance)


def average_ranks(y: Floats) -> Floats:
    """Return ranks 1..n, ties sharing their mean rank, shape (n,)."""
    order = sort(y).order
    return _mean_ranks(order, _run_starts(y[order]))


def _mean_ranks(order: Order, starts: NDArray[np.int64]) -> Floats:
    ranks = np.empty(order.size)
    if starts.size == order.size:
        ranks[order] = np.arange(1.0, order.size + 1)
        return ranks
    ends = np.append(starts[1:], order.size)
    ranks[order] = np.repeat((starts + ends + 1) / 2, ends - starts)
    return ranks


def _variance(starts: NDArray[np.int64], n: int) -> float:
    tie_term = sum(size * (size - 1) * (2 * size + 5) * count for size, count in _ties(starts, n))
    return (n * (n - 1) * (2 * n + 5) - tie_term) / 18


def _ties(starts: NDArray[np.int64], n: int) -> list[tuple[int, int]]:
    """Each size > 1 of a run of equal values, with the number of such runs, as exact integers."""
    if starts.size == n:
        return []
    sizes, counts = np.unique(np.diff(np.append(starts, n)), return_counts=True)
    return [(int(size), int(count)) for size, count in zip(sizes, counts, strict=True) if size > 1]


def _run_starts(ascending: Floats) -> NDArray[np.int64]:
    return np.flatnonzero(np.append(True, ascending[1:] != ascending[:-1])[: ascending.size])
