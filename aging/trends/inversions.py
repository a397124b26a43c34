"""Counting, sampling and listing the inversions of a permutation in O(n log n) array operations.

A permutation of 0..2^L-1 is split by its values' bits from the highest down.
At each level every row of 2^(b+1) positions holds exactly 2^b zeros, so the
k-th zero of a row at position p stands behind p - k ones, which are the first
p - k ones of that row: those pairs are the row's inversions, each found at
exactly one level. It is Knight's (1966) merge count read from the other end,
and needs no loop over elements.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Narrow = NDArray[np.int32]


class _Level(NamedTuple):
    """One bit of the values: for each zero the count of ones ahead of it and where its row of ones starts."""

    behind: Narrow
    start: Narrow
    ones: Narrow
    zeros: Narrow


def count_inversions(permutation: NDArray[np.integer]) -> int:
    """Count pairs i < j with ``permutation[i] > permutation[j]``; ``permutation`` holds 0..n-1, shape (n,)."""
    return sum(int(level.behind.sum(dtype=np.int64)) for level in _levels(permutation))


def list_inversions(permutation: NDArray[np.integer]) -> tuple[Narrow, Narrow]:
    """List every inversion as two arrays of values: the greater (earlier) and the smaller (later)."""
    greater, smaller = [], []
    for level in _levels(permutation):
        which = np.repeat(np.arange(level.behind.size, dtype=np.int32), level.behind)
        before = np.cumsum(level.behind, dtype=np.int64) - level.behind
        nth = np.arange(which.size) - before[which]
        greater.append(level.ones[level.start[which] + nth])
        smaller.append(level.zeros[which])
    return _joined(greater), _joined(smaller)


def sample_inversions(
    permutation: NDArray[np.integer], rate: float, rng: np.random.Generator
) -> tuple[int, Narrow, Narrow]:
    """Count the inversions and draw about the fraction ``rate`` of them uniformly, with replacement."""
    total, greater, smaller = 0, [], []
    for level in _levels(permutation):
        upto = np.cumsum(level.behind, dtype=np.int64)
        here = int(upto[-1])
        total += here
        if not here:
            continue
        picks = np.sort(rng.integers(0, here, rng.binomial(here, min(rate, 1.0))))
        which = np.searchsorted(upto, picks, side="right")
        nth = picks - (upto[which] - level.behind[which])
        greater.append(level.ones[level.start[which] + nth])
        smaller.append(level.zeros[which])
    return total, _joined(greater), _joined(smaller)


def _joined(parts: list[Narrow]) -> Narrow:
    return np.concatenate([np.empty(0, np.int32), *parts])


def _levels(permutation: NDArray[np.integer]) -> Iterator[_Level]:
    n = permutation.size
    bits = max(n - 1, 0).bit_length()
    values = np.arange(1 << bits, dtype=np.int32)
    values[:n] = permutation
    numbers = np.arange(values.size // 2, dtype=np.int32)
    for bit in range(bits - 1, -1, -1):
        half = 1 << bit
        is_zero = (values & half) == 0
        places = np.flatnonzero(is_zero).astype(np.int32)
        zeros, ones = values[places], values[~is_zero]
        # numbers = row * half + k, and places = row * 2 * half + k + behind
        start = numbers >> bit << bit
        yield _Level(places - numbers - start, start, ones, zeros)
        values = np.stack((zeros.reshape(-1, half), ones.reshape(-1, half)), axis=1).ravel()
