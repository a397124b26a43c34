"""Many values as few: envelopes that keep every spike, quantiles of equal cells of time, lines broken at gaps.

numpy alone: the live page thins its series beside a running campaign.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from aging.report.charts.chart import Floats

CELLS = 480
"""Horizontal places of a chart: a screen shows no more of them side by side."""

_GAP, _RARE_GAP, _RARE = 5.0, 4.0, 0.95
"""A pause this many times the usual one, and a rare one, is a gap, and no line is drawn over it: requests come at
random, and of their pauses every thirtieth is five times the usual one."""

_FEW = 4
"""Up to this many values a place, all of them are drawn."""


def few(t: Floats, cells: int = CELLS) -> bool:
    """Whether every value can be drawn."""
    return bool(t.size <= _FEW * cells)


def envelope(t: Floats, y: Floats, width: float) -> tuple[Floats, Floats, Floats]:
    """The middle of every cell of ``width`` that has values, the least and the greatest of them; NaN in gaps.

    ``t`` increases and ``y`` is finite, shape n; so that no spike is hidden, each value lies between the two.
    """
    if not t.size:
        return t, y, y
    place, first = _cells(t, width)
    middles = np.clip((place[first] + 0.5) * width, t[0], t[-1])
    low, high = np.minimum.reduceat(y, first), np.maximum.reduceat(y, first)
    gaps = _gaps(t)
    after = np.flatnonzero(np.isin(first[1:], gaps)) + 1
    at = (t[first[after]] + t[first[after] - 1]) / 2
    return np.insert(middles, after, at), np.insert(low, after, np.nan), np.insert(high, after, np.nan)


def extremes(t: Floats, y: Floats, width: float) -> tuple[Floats, Floats]:
    """The values, of many the least and the greatest of every cell of ``width``, in order of time; ``y`` is finite."""
    if not t.size or t.size <= 2 * ((t[-1] - t[0]) / width + 1):
        return t, y
    place, first = _cells(t, width)
    order = np.lexsort((y, place))
    last = np.append(first[1:], t.size) - 1
    kept = np.unique(np.concatenate([order[first], order[last]]))
    return t[kept], y[kept]


def quantiles(t: Floats, y: Floats, width: float, wanted: Sequence[float]) -> tuple[Floats, Sequence[Floats]]:
    """Quantiles of each cell of ``width`` that has values, at the cell's middle; NaN in gaps between cells.

    They interpolate between the values, as :func:`numpy.quantile` does.
    """
    if not t.size:
        return t, [y for _ in wanted]
    order = np.argsort(t, kind="stable")
    t, y = t[order], y[order]
    place, first = _cells(t, width)
    sizes = np.diff(np.append(first, t.size))
    ordered = y[np.lexsort((y, place))]
    found = []
    for quantile in wanted:
        exact = first + (sizes - 1) * quantile
        below = np.floor(exact).astype(np.int64)
        above = np.minimum(below + 1, first + sizes - 1)
        found.append(ordered[below] + (ordered[above] - ordered[below]) * (exact - below))
    middles = np.asarray((place[first] + 0.5) * width, dtype=np.float64)
    return broken(middles, found)


def broken(t: Floats, lines: Sequence[Floats]) -> tuple[Floats, Sequence[Floats]]:
    """The lines with a NaN in the middle of every pause that is much longer than the usual one."""
    gaps = _gaps(t)
    if not gaps.size:
        return t, lines
    middles = (t[gaps] + t[gaps - 1]) / 2
    return np.insert(t, gaps, middles), [np.insert(y, gaps, np.nan) for y in lines]


def joined(parts: Sequence[tuple[Floats, ...]]) -> tuple[Floats, ...]:
    """Parts, each of times and the values of lines, one after another, with a NaN between two of them."""
    parts = [part for part in parts if part[0].size]
    if not parts:
        return ()
    pieces: list[tuple[Floats, ...]] = [parts[0]]
    for before, part in pairwise(parts):
        between = (before[0][-1] + part[0][0]) / 2
        pieces += [(np.array([between]), *(np.array([np.nan]) for _ in part[1:])), part]
    return tuple(np.concatenate(column) for column in zip(*pieces, strict=True))


def distinct(t: Floats, width: float) -> tuple[Floats, Floats]:
    """The middle of every cell that has a time, and how many: ten thousand failures in a minute are one mark."""
    cells, counts = np.unique(np.floor(t / width), return_counts=True)
    return (cells + 0.5) * width, counts.astype(np.float64)


def _cells(t: Floats, width: float) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], ...]:
    """The cell of every time, and where each cell begins."""
    place = np.floor(t / width).astype(np.int64)
    return place, np.flatnonzero(np.diff(place, prepend=place[0] - 1))


def _gaps(t: Floats) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The places before which the pause is much longer than the usual one."""
    if t.size < 3:
        return np.empty(0, dtype=np.int64)
    steps = np.diff(t)
    usual, rare = np.quantile(steps, (0.5, _RARE), method="lower")
    return np.flatnonzero(steps > max(_GAP * usual, _RARE_GAP * rare)) + 1
