"""Sorting samples from one order into another: which pairs change places, compiled where a compiler was at hand.

Without it numpy takes several times the time (``docs/methods.md``). What it serves, Sen's slope and Kendall's S, is
written by hand since ``scipy.stats.theilslopes`` takes ten times as long at n = 1,000 and 224 GiB at n = 100,000
(``docs/evidence.md``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aging.stats.series.validation import Floats
from aging.stats.slope.inversions import Numbers, Order

try:
    from aging.stats.slope._reordering import pairs as _pairs
    from aging.stats.slope._reordering import sort as _sort
except ImportError:  # installed without a compiler: the same, several times slower
    from aging.stats.slope.inversions import pairs as _pairs
    from aging.stats.slope.inversions import sort as _sort


class Sorted(NamedTuple):
    """The samples sorted by value, shape (n,), and how many pairs stand the other way round than in time."""

    order: Order
    exchanged: int


class Pairs(NamedTuple):
    """Pairs of samples, both shape (pairs,): ``earlier`` stood before ``later``."""

    earlier: Order
    later: Order


def in_time(n: int) -> Order:
    """Return the order 0..n-1."""
    return np.arange(n, dtype=np.int32)


def sort(values: Floats, *, falling: bool = False) -> Sorted:
    """Sort the samples by ``values``, one a sample, shape (n,); equal ones by number, rising or ``falling``."""
    order = np.empty(values.size, np.int32)
    return Sorted(order, _sort(np.ascontiguousarray(values), falling, order))


def pairs_listed(values: Floats, start: Order, room: int, *, falling: bool = False) -> Pairs | None:
    """Return every pair that changes places from ``start`` to the order by value, as :func:`sort` has it.

    None where they are more than ``room``.
    """
    noted, pairs = _noted(values, start, falling, None, room)
    return None if noted > room else pairs


def pairs_picked(values: Floats, start: Order, picks: Numbers, *, falling: bool = False) -> Pairs:
    """As :func:`pairs_listed`, with the pairs of the numbers ``picks``, ascending, that there are."""
    return _noted(values, start, falling, picks, picks.size)[1]


def _noted(values: Floats, start: Order, falling: bool, picks: Numbers | None, room: int) -> tuple[int, Pairs]:
    earlier, later = np.empty(room, np.int32), np.empty(room, np.int32)
    noted = _pairs(values, start, falling, picks, earlier, later)
    return noted, Pairs(earlier[:noted], later[:noted])
