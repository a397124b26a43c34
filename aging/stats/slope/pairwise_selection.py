"""Exact order statistics of the n(n-1)/2 pairwise slopes, without forming them.

The number of slopes below m is the number of inversions of y - m t. Randomised
slope selection (Matoušek 1991; Dillencourt, Mount and Netanyahu 1992) samples
slopes for a bracket around the wanted ranks, samples again inside it, and
counts at the sampled slopes that should lie next to a rank: a count shows where
one stands, so the second cut is near enough to list the O(n) slopes between.
Each cut is sorted from the nearest one before. Ties are the normal case (memory
comes in pages): a bracket that shrinks to one value is that value's run of equal
slopes, counted from both sides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aging.stats.series.validation import Floats
from aging.stats.slope.inversions import Order
from aging.stats.slope.reordering import Reordered, in_time, reorder, reorder_listing, reorder_picking

_DIRECT = 300
_LISTED_PER_SAMPLE = 4
_SPREAD = 3.0
_AMPLE = 1.25
_SEED = 20260612


@dataclass(frozen=True, slots=True)
class _Cut:
    """All pairs split at a slope: the sample order there, and how many slopes lie on the lower side.

    Slopes equal to it lie on the lower side when it is ``closed``.
    """

    order: Order
    below: int
    slope: float
    closed: bool


@dataclass(frozen=True, slots=True)
class _Bracket:
    """Two cuts, and the slopes between them that were sampled, ascending."""

    lower: _Cut
    upper: _Cut
    sample: Floats

    @property
    def count(self) -> int:
        return self.upper.below - self.lower.below

    def holds(self, rank: int) -> bool:
        return self.lower.below <= rank < self.upper.below

    def split(self, cut: _Cut, rank: int) -> _Bracket:
        """The side of ``cut`` that ``rank`` is on."""
        place = int(np.searchsorted(self.sample, cut.slope, side="right" if cut.closed else "left"))
        if rank < cut.below:
            return replace(self, upper=cut, sample=self.sample[:place])
        return replace(self, lower=cut, sample=self.sample[place:])

    def place(self, rank: int, spread: float) -> float:
        """Return the place in the sample ``spread`` standard errors above that of ``rank``, or below it."""
        share = (rank - self.lower.below) / self.count
        return self.sample.size * share + spread * math.sqrt(self.sample.size * share * (1 - share)) - 0.5


@dataclass(frozen=True, slots=True)
class _Window:
    """Slopes of ranks ``first`` to ``first + count - 1``, in no order; one value when they are all equal."""

    first: int
    count: int
    slopes: Floats

    def holds(self, rank: int) -> bool:
        return self.first <= rank < self.first + self.count

    def at(self, ranks: Sequence[int]) -> list[float]:
        if self.slopes.size == 1:
            return [float(self.slopes[0])] * len(ranks)
        places = [rank - self.first for rank in ranks]
        return [float(slope) for slope in np.partition(self.slopes, sorted(set(places)))[places]]


@dataclass(frozen=True, slots=True)
class _Points:
    """Times and values, and both less their first, in which a residual loses no digits to a large level."""

    t: Floats
    y: Floats
    since: Floats
    above: Floats

    @property
    def n(self) -> int:
        return self.t.size

    def slopes(self, i: NDArray[np.integer], j: NDArray[np.integer]) -> Floats:
        rise: Floats = self.y[j]
        rise -= self.y[i]
        run: Floats = self.t[j]
        run -= self.t[i]
        rise /= run
        return rise

    def residuals(self, slope: float) -> Floats:
        """What orders the samples at ``slope``, also at an infinite one."""
        if math.isinf(slope):
            return np.multiply(self.t, -math.copysign(1.0, slope))
        residuals = self.since * -slope
        residuals += self.above
        return residuals


def select_slopes(t: Floats, y: Floats, ranks: Sequence[int]) -> Floats:
    """Return the slopes (y_j - y_i) / (t_j - t_i), i < j, of the given ranks (0 the least), in expected O(n log n).

    ``t`` increases strictly; ``t`` and ``y`` have shape (n,), n >= 2.
    """
    points = _Points(t, y, t - t[0], y - y[0])
    if points.n <= _DIRECT:
        i, j = np.triu_indices(points.n, 1)
        return np.partition(points.slopes(i, j), sorted(set(ranks)))[list(ranks)]
    rng = np.random.default_rng(_SEED)
    shared = _around(points, _everything(points, rng), min(ranks), max(ranks), rng)
    found: dict[int, float] = {}
    for rank in sorted(set(ranks)):
        if rank not in found:
            window = _window(points, rank, shared, rng)
            within = [other for other in ranks if window.holds(other)]
            found.update(zip(within, window.at(within), strict=True))
    return np.array([found[rank] for rank in ranks])


def _everything(points: _Points, rng: np.random.Generator) -> _Bracket:
    n, order = points.n, in_time(points.n)
    other = order + rng.integers(1, n, n, dtype=np.int32)  # each sample once: the same slopes, less scatter
    other[other >= n] -= n
    first = _Cut(order, 0, -math.inf, closed=True)
    last = _Cut(order[::-1].copy(), n * (n - 1) // 2, math.inf, closed=False)
    return _Bracket(first, last, np.sort(points.slopes(order, other)))


def _around(points: _Points, bracket: _Bracket, least: int, most: int, rng: np.random.Generator) -> _Bracket:
    """Cut ``bracket`` well to both sides of the ranks ``least`` to ``most``, and sample the rest again."""
    first, last = math.floor(bracket.place(least, -_SPREAD)), math.ceil(bracket.place(most, _SPREAD))
    lower, upper = bracket.lower, bracket.upper
    if first >= 0:
        cut, _ = _cut(points, bracket, float(bracket.sample[first]), lower)
        lower, upper = (cut, upper) if cut.below <= least else (lower, cut) if cut.below > most else (lower, upper)
    if last < bracket.sample.size and lower.slope < bracket.sample[last] < upper.slope:
        expected = math.ceil((last - max(first, -1)) / bracket.sample.size * bracket.count)
        # the cut's own exchanges are the bracket to be: it is sampled on the way
        slope = float(bracket.sample[last])
        picks = _spread_over(math.ceil(_AMPLE * expected), math.ceil(_AMPLE * points.n), rng)
        moved = reorder_picking(points.residuals(slope), lower.order, picks, falling=True)
        cut = _Cut(moved.order, lower.below + moved.exchanged, slope, closed=True)
        if cut.below > most and moved.exchanged <= picks[-1]:
            return _Bracket(lower, cut, np.sort(points.slopes(moved.earlier, moved.later)))
        lower, upper = (lower, cut) if cut.below > most else (cut, upper) if cut.below <= least else (lower, upper)
    return _sampled(points, _Bracket(lower, upper, np.empty(0)), rng)


def _sampled(points: _Points, bracket: _Bracket, rng: np.random.Generator) -> _Bracket:
    """Sample the slopes of ``bracket`` again, without those that are there by rounding alone."""
    picks = _spread_over(bracket.count, points.n, rng)
    upper = bracket.upper
    moved = reorder_picking(points.residuals(upper.slope), bracket.lower.order, picks, falling=upper.closed)
    slopes = np.sort(points.slopes(moved.earlier, moved.later))
    first = np.searchsorted(slopes, bracket.lower.slope, side="right" if bracket.lower.closed else "left")
    last = np.searchsorted(slopes, upper.slope, side="right" if upper.closed else "left")
    return replace(bracket, sample=slopes[first:last])


def _spread_over(count: int, picked: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw one number from each of ``picked`` equal parts of 0 to ``count`` - 1."""
    at = np.arange(picked, dtype=np.float64)
    at += rng.random(picked)
    at *= count / picked
    return at.astype(np.int64)


def _window(points: _Points, rank: int, bracket: _Bracket, rng: np.random.Generator) -> _Window:
    """List the slopes next to ``rank``, which ``bracket`` holds, or find the value that all of them have."""
    limit = _LISTED_PER_SAMPLE * points.n
    while bracket.count > limit and bracket.lower.slope < bracket.upper.slope:
        if not bracket.sample.size:
            bracket = _sampled(points, bracket, rng)
            if not bracket.sample.size:  # slopes that differ from the bracket's ends by rounding alone
                return _Window(bracket.lower.below, bracket.count, np.array([bracket.upper.slope]))
        cut, window = _cut_beside(points, bracket, rank, limit)
        if window is not None and window.holds(rank):
            return window
        bracket = bracket.split(cut, rank)
    if bracket.lower.slope == bracket.upper.slope:
        return _Window(bracket.lower.below, bracket.count, np.array([bracket.lower.slope]))
    upper = bracket.upper
    moved = reorder_listing(points.residuals(upper.slope), bracket.lower.order, 2 * limit, falling=upper.closed)
    return _Window(bracket.lower.below, moved.exchanged, points.slopes(moved.earlier, moved.later))


def _cut_beside(points: _Points, bracket: _Bracket, rank: int, limit: int) -> tuple[_Cut, _Window | None]:
    """Cut so that little more than ``rank`` lies on one side, and list that; where it is too much, cut at ``rank``."""
    last = bracket.sample.size - 1
    most = limit / bracket.count * bracket.sample.size / 2
    if (above := math.ceil(bracket.place(rank, _SPREAD)) + 1) <= most:
        cut, moved = _cut(points, bracket, float(bracket.sample[min(above, last)]), bracket.lower, limit)
        first = bracket.lower.below
    elif last - (below := math.floor(bracket.place(rank, -_SPREAD)) - 1) <= most:
        cut, moved = _cut(points, bracket, float(bracket.sample[max(below, 0)]), bracket.upper, limit)
        first = cut.below
    else:
        place = round(bracket.place(rank, 0.0))
        near = bracket.lower if 2 * place < last else bracket.upper
        return _cut(points, bracket, float(bracket.sample[place]), near)[0], None
    if not moved.earlier.size:
        return cut, None
    return cut, _Window(first, moved.exchanged, points.slopes(moved.earlier, moved.later))


def _cut(points: _Points, bracket: _Bracket, slope: float, start: _Cut, room: int = 0) -> tuple[_Cut, Reordered]:
    """Cut at ``slope``, one of the bracket's sample, from one of its ends, and list up to ``room`` slopes passed."""
    closed = slope == bracket.lower.slope
    if room:
        moved = reorder_listing(points.residuals(slope), start.order, room, falling=closed)
    else:
        moved = reorder(points.residuals(slope), start.order, falling=closed)
    below = bracket.lower.below + moved.exchanged if start is bracket.lower else start.below - moved.exchanged
    return _Cut(moved.order, below, slope, closed), moved
