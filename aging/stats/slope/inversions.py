"""Reordering in numpy: counting, listing and sampling the pairs that change places, in O(n log n) array operations.

The exchanged pairs are the inversions of a permutation. Samples at their new
places are split by the bits of their old ones from the highest down. At each
level every row of 2^(b+1) places holds 2^b zeros, so the k-th one of a row at
place p stands behind p - k zeros and before the others, which it has overtaken:
those pairs are the row's inversions, each found at exactly one level. It is
Knight's (1966) merge count read from the other end, and needs no loop over
elements. What ``_reordering.c`` compiles is this, pair for pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aging.stats.series.validation import Floats

Order = NDArray[np.int32]
Numbers = NDArray[np.int64]

_LAST_BITS = 6


def sort(values: Floats, falling: bool, order: Order) -> int:
    """Write to ``order`` the samples sorted by value, both shape (n,), and return how many pairs change places.

    Equal values stand by their number, rising or ``falling``.
    """
    order[:] = ascending(values, falling=falling)
    return count_inversions(order)


def pairs(  # noqa: PLR0913, PLR0917 -- the compiled one's parameters: what it reads, then what it writes
    values: Floats, start: Order, falling: bool, picks: Numbers | None, earlier: Order, later: Order
) -> int:
    """Write to ``earlier`` and ``later`` pairs that change places from ``start`` to the order by value, shape (n,).

    Equal values stand by their number, rising or ``falling``. The pairs are all,
    or those whose numbers are ``picks`` (ascending). Pairs are numbered from the
    lowest bit to the highest, within a row by the overtaking sample, then by the
    overtaken one. Returns how many pairs were asked for; where that is more than
    there is room for, what was written means nothing.
    """
    old_places = places(start)[ascending(values, falling=falling)]
    counts = [level.inversions for level in _levels(old_places)]
    number = sum(counts)
    if picks is None:
        if number > earlier.size:
            return number
        picks = np.arange(number)
    noted = filled = int(np.searchsorted(picks, number))
    for level, count in zip(_levels(old_places), counts, strict=True):
        number -= count
        first = int(np.searchsorted(picks[:filled], number))
        overtaken, overtaking = level.pairs(picks[first:filled] - number)
        earlier[first:filled], later[first:filled] = start[overtaken], start[overtaking]
        filled = first
    return noted


def ascending(values: Floats, *, falling: bool) -> Order:
    """Return the order of ``values``, shape (n,), equal ones by index, rising or ``falling``.

    Two unstable sorts, the second only where values are equal, take half of what a stable one does.
    """
    order = np.argsort(values)
    sorted_values = values[order]
    run = np.cumsum(np.append(False, sorted_values[1:] != sorted_values[:-1])[: order.size])
    if order.size and run[-1] < order.size - 1:
        bits = order.size.bit_length()
        mask = (1 << bits) - 1
        order = np.sort((run << bits) | (mask - order if falling else order)) & mask
        order = mask - order if falling else order
    return order.astype(np.int32)


def places(order: Order) -> Order:
    """Return the place of every sample in ``order``: the inverse permutation."""
    inverse = np.empty_like(order)
    inverse[order] = np.arange(order.size, dtype=np.int32)
    return inverse


def count_inversions(permutation: Order) -> int:
    """Count pairs i < j with ``permutation[i] > permutation[j]``; ``permutation`` holds 0..n-1, shape (n,)."""
    total, values = 0, _padded(permutation)
    last = min(_bits(permutation.size), _LAST_BITS)
    for bit in range(_bits(permutation.size) - 1, last - 1, -1):
        level, values = _split(values, bit)
        total += level.inversions
    # rows are short now: compare every two columns at once
    columns = np.ascontiguousarray((values & ((1 << last) - 1)).astype(np.uint8).reshape(-1, 1 << last).T)
    return total + sum(int(np.count_nonzero(columns[:-k] > columns[k:])) for k in range(1, 1 << last))


class _Level(NamedTuple):
    """One bit of the values: the places of the ones, and the zeros and ones themselves, row after row."""

    bit: int
    places: Order
    zeros: Order
    ones: Order

    @property
    def inversions(self) -> int:
        """A row without inversions has all its ones behind its zeros."""
        half = 1 << self.bit
        rows = self.places.size // half
        behind = rows * (half * half + half * (half - 1) // 2) + 2 * half * half * (rows * (rows - 1) // 2)
        return behind - int(self.places.sum(dtype=np.int64))

    def pairs(self, numbers: Numbers) -> tuple[Order, Order]:
        """Return the overtaken and the overtaking values of the inversions of these ``numbers``, ascending."""
        nth = np.arange(self.places.size, dtype=np.int32)
        row = nth >> self.bit
        # a one's number is row * half + k, and its place row * 2 * half + k + the zeros before it
        before = self.places - nth - (row << self.bit)
        overtaken = (1 << self.bit) - before
        upto = np.cumsum(overtaken, dtype=np.int64)
        which = np.searchsorted(upto, numbers, side="right")
        first = (row[which].astype(np.int64) << self.bit) + before[which]
        return self.zeros[first + numbers - (upto[which] - overtaken[which])], self.ones[which]


def _levels(permutation: Order) -> Iterator[_Level]:
    values = _padded(permutation)
    for bit in range(_bits(permutation.size) - 1, -1, -1):
        level, values = _split(values, bit)
        yield level


def _bits(n: int) -> int:
    return max(n - 1, 0).bit_length()


def _padded(permutation: Order) -> Order:
    values = np.arange(1 << _bits(permutation.size), dtype=np.int32)
    values[: permutation.size] = permutation
    return values


def _split(values: Order, bit: int) -> tuple[_Level, Order]:
    half = 1 << bit
    is_one = (values & half) != 0
    at = np.flatnonzero(is_one).astype(np.int32)
    zeros, ones = values[~is_one], values[at]
    rows = np.stack((zeros.reshape(-1, half), ones.reshape(-1, half)), axis=1)
    return _Level(bit, at, zeros, ones), rows.ravel()
