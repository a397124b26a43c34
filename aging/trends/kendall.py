"""Kendall's S and its variance under exchangeability, with the correction for ties."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from aging.trends.inversions import count_inversions
from aging.trends.series import Floats


def kendall_s(y: Floats) -> tuple[int, float]:
    """Return S (rising minus falling pairs) and var S of ``y``, shape (n,), exactly, in O(n log n).

    var S = [n(n-1)(2n+5) - sum over ties of u(u-1)(2u+5)] / 18 (Kendall 1970, eq. 5.4).
    """
    n = y.size
    order = np.argsort(y)
    ascending = y[order]
    permutation = np.empty(n, dtype=np.int32)
    permutation[_by_index_in_runs(order, ascending)] = np.arange(n, dtype=np.int32)
    tied = _tie_sizes(ascending)
    tied_pairs = sum(size * (size - 1) // 2 * count for size, count in tied)
    s = n * (n - 1) // 2 - 2 * count_inversions(permutation) - tied_pairs
    tie_term = sum(size * (size - 1) * (2 * size + 5) * count for size, count in tied)
    return s, (n * (n - 1) * (2 * n + 5) - tie_term) / 18


def normal_score(s: int, variance: float) -> float:
    """Return z with Kendall's continuity correction; NaN where the variance is not positive."""
    if s == 0:
        return 0.0
    if not variance > 0:
        return math.nan
    return (s - math.copysign(1, s)) / math.sqrt(variance)


def average_ranks(y: Floats) -> Floats:
    """Return ranks 1..n, ties sharing their mean rank, shape (n,)."""
    order = np.argsort(y)
    starts = _run_starts(y[order])
    ends = np.append(starts[1:], y.size)
    ranks = np.empty(y.size)
    ranks[order] = np.repeat((starts + ends + 1) / 2, ends - starts)
    return ranks


def _by_index_in_runs(order: NDArray[np.int64], ascending: Floats) -> NDArray[np.int64]:
    """Return the stable order of values from any ``order`` of theirs: two fast sorts take half of a stable one."""
    run = np.cumsum(np.append(False, ascending[1:] != ascending[:-1]))
    if run[-1] == order.size - 1:
        return order
    bits = order.size.bit_length()
    return np.sort((run << bits) | order) & ((1 << bits) - 1)


def _run_starts(ascending: Floats) -> NDArray[np.int64]:
    return np.flatnonzero(np.append(True, ascending[1:] != ascending[:-1]))


def _tie_sizes(ascending: Floats) -> list[tuple[int, int]]:
    """Each size > 1 of a run of equal values, with the number of such runs, as exact integers."""
    sizes, counts = np.unique(np.diff(np.append(_run_starts(ascending), ascending.size)), return_counts=True)
    return [(int(size), int(count)) for size, count in zip(sizes, counts, strict=True) if size > 1]
