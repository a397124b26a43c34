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

_NEARLY_SORTED = 50


class _Level(NamedTuple):
    """One bit of the values: the places of the zeros, and the zeros and ones themselves, row after row."""

    bit: int
    places: Narrow
    ones: Narrow
    zeros: Narrow

    def rows(self) -> tuple[Narrow, Narrow]:
        """For each zero, how many ones stand ahead of it in its row and where its row of ones starts."""
        # a zero's number is row * half + k, and its place row * 2 * half + k + ahead
        numbers = np.arange(self.places.size, dtype=np.int32)
        start = numbers >> self.bit << self.bit
        return self.places - numbers - start, start


def count_inversions(permutation: NDArray[np.integer]) -> int:
    """Count pairs i < j with ``permutation[i] > permutation[j]``; ``permutation`` holds 0..n-1, shape (n,)."""
    n = permutation.size
    bits = max(n - 1, 0).bit_length()
    size = 1 << bits
    sorted_places = sum(_places_without_inversions(size, bit) for bit in range(bits))
    return sum(int(level.places.sum(dtype=np.int64)) for level in _levels(permutation)) - sorted_places


def _places_without_inversions(size: int, bit: int) -> int:
    """The sum of the zeros' places, were each row's zeros all ahead of its ones."""
    half = 1 << bit
    rows = size // (2 * half)
    return rows * (half * (half - 1) // 2) + 2 * half * half * (rows * (rows - 1) // 2)


def list_inversions(permutation: NDArray[np.integer]) -> tuple[Narrow, Narrow]:
    """List every inversion as two arrays of values: the greater (earlier) and the smaller (later)."""
    values = permutation.astype(np.int32, copy=False)
    reach = int(np.abs(values - np.arange(values.size, dtype=np.int32)).max(initial=0))
    if reach <= _NEARLY_SORTED:
        return _inversions_within(values, 2 * reach)
    greater, smaller = [], []
    for level in _levels(permutation):
        ahead, start = level.rows()
        which = np.repeat(np.arange(ahead.size, dtype=np.int32), ahead)
        before = np.cumsum(ahead, dtype=np.int64) - ahead
        nth = np.arange(which.size) - before[which]
        greater.append(level.ones[start[which] + nth])
        smaller.append(level.zeros[which])
    return _joined(greater), _joined(smaller)


def _inversions_within(values: Narrow, reach: int) -> tuple[Narrow, Narrow]:
    """List the inversions of values whose places differ by less than ``reach``."""
    greater, smaller = [], []
    for apart in range(1, reach):
        earlier, later = values[:-apart], values[apart:]
        inverted = np.flatnonzero(earlier > later)
        greater.append(earlier[inverted])
        smaller.append(later[inverted])
    return _joined(greater), _joined(smaller)


def sample_inversions(
    permutation: NDArray[np.integer], rate: float, rng: np.random.Generator
) -> tuple[int, Narrow, Narrow]:
    """Count the inversions and draw about the fraction ``rate`` of them uniformly, with replacement."""
    total, greater, smaller = 0, [], []
    for level in _levels(permutation):
        ahead, start = level.rows()
        upto = np.cumsum(ahead, dtype=np.int64)
        here = int(upto[-1])
        total += here
        if not here:
            continue
        picks = np.sort(rng.integers(0, here, rng.binomial(here, min(rate, 1.0))))
        which = np.searchsorted(upto, picks, side="right")
        nth = picks - (upto[which] - ahead[which])
        greater.append(level.ones[start[which] + nth])
        smaller.append(level.zeros[which])
    return total, _joined(greater), _joined(smaller)


def _joined(parts: list[Narrow]) -> Narrow:
    return np.concatenate([np.empty(0, np.int32), *parts])


def _levels(permutation: NDArray[np.integer]) -> Iterator[_Level]:
    n = permutation.size
    bits = max(n - 1, 0).bit_length()
    values = np.arange(1 << bits, dtype=np.int32)
    values[:n] = permutation
    for bit in range(bits - 1, -1, -1):
        half = 1 << bit
        is_zero = (values & half) == 0
        places = np.flatnonzero(is_zero).astype(np.int32)
        zeros, ones = values[places], values[~is_zero]
        yield _Level(bit, places, ones, zeros)
        values = np.stack((zeros.reshape(-1, half), ones.reshape(-1, half)), axis=1).ravel()
