"""Sorting samples from one order into another: which pairs change places, compiled where a compiler was at hand.

Without it numpy takes two to five times the time (``docs/methods.md``). What it serves, Sen's slope and Kendall's S, is
written by hand since ``scipy.stats.theilslopes`` takes ten times as long at n = 1,000 and 224 GiB at n = 100,000
(``docs/evidence.md``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from aging.stats.series.validation import Floats
from aging.stats.slope.inversions import Numbers, Order

try:
    from aging.stats.slope._reordering import reorder as _reorder
except ImportError:  # installed without a compiler: the same, several times slower
    from aging.stats.slope.inversions import reorder as _reorder


class Reordered(NamedTuple):
    """The new order, shape (n,), and how many pairs of samples stand the other way round in it.

    Some of those pairs, or all, may be given: ``earlier`` stood before ``later``.
    """

    order: Order
    exchanged: int
    earlier: Order
    later: Order


def in_time(n: int) -> Order:
    """Return the order 0..n-1."""
    return np.arange(n, dtype=np.int32)


def reorder(values: Floats, start: Order, *, falling: bool = False) -> Reordered:
    """Sort the samples by ``values``, one a sample, shape (n,), from the order ``start``; equal ones by number.

    ``falling``: equal ones by falling number.
    """
    return _reordered(values, start, falling, None, 0)


def reorder_listing(values: Floats, start: Order, room: int, *, falling: bool = False) -> Reordered:
    """As :func:`reorder`, with every exchanged pair; with no pairs where they are more than ``room``, at least 1."""
    return _reordered(values, start, falling, None, room)


def reorder_picking(values: Floats, start: Order, picks: Numbers, *, falling: bool = False) -> Reordered:
    """As :func:`reorder`, with the exchanged pairs of the numbers ``picks``, ascending, that there are."""
    return _reordered(values, start, falling, picks, picks.size)


def _reordered(values: Floats, start: Order, falling: bool, picks: Numbers | None, room: int) -> Reordered:
    order, earlier, later = np.empty_like(start), np.empty(room, np.int32), np.empty(room, np.int32)
    exchanged, noted = _reorder(values, start, falling, order, picks, earlier, later)
    noted = noted if noted <= room else 0
    return Reordered(order, exchanged, earlier[:noted], later[:noted])
