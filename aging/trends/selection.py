"""Exact order statistics of the n(n-1)/2 pairwise slopes, without forming them.

The number of slopes below m is the number of inversions of y - m t. Randomised
slope selection (Matoušek 1991; Dillencourt, Mount and Netanyahu 1992) samples
slopes for a bracket around the wanted rank, counts and samples again inside it,
and at last lists the O(n) slopes that remain and selects among them. Ties are
the normal case (memory comes in pages): a bracket that shrinks to one value is
that value's run of equal slopes, counted from both sides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aging.trends.inversions import count_inversions, list_inversions, sample_inversions
from aging.trends.series import Floats

Order = NDArray[np.int32]

_DIRECT = 300
_LISTED_PER_SAMPLE = 16
_SAMPLED_PER_SAMPLE = 2
_SPREAD = 3.0
_SEED = 20260612


@dataclass(frozen=True, slots=True)
class _Points:
    t: Floats
    y: Floats

    def ordered(self, order: Order) -> _Points:
        """The samples in another order: pairs that are near each other in it are near in memory, too."""
        return _Points(self.t[order], self.y[order])

    def slopes(self, i: NDArray[np.integer], j: NDArray[np.integer]) -> Floats:
        rise: Floats = self.y[j]
        run: Floats = self.t[j]
        rise -= self.y[i]
        run -= self.t[i]
        rise /= run
        return rise


@dataclass(frozen=True, slots=True)
class _Cut:
    """All pairs split at a slope: the sample order there, and how many slopes lie on the lower side."""

    order: Order
    below: int
    slope: float


@dataclass(frozen=True, slots=True)
class _Bracket:
    """Two cuts with the wanted rank between them."""

    lower: _Cut
    upper: _Cut

    @property
    def count(self) -> int:
        return self.upper.below - self.lower.below


@dataclass(frozen=True, slots=True)
class _Window:
    """Slopes of ranks ``first`` to ``first + count - 1``; one value when they are all equal."""

    first: int
    count: int
    slopes: Floats

    def holds(self, rank: int) -> bool:
        return self.first <= rank < self.first + self.count

    def at(self, rank: int) -> float:
        return float(self.slopes[0 if self.slopes.size == 1 else rank - self.first])


def select_slopes(t: Floats, y: Floats, ranks: Sequence[int]) -> Floats:
    """Return the slopes (y_j - y_i) / (t_j - t_i), i < j, of the given ranks (0 the least), in expected O(n log n).

    ``t`` increases strictly; ``t`` and ``y`` have shape (n,), n >= 2.
    """
    if t.size <= _DIRECT:
        i, j = np.triu_indices(t.size, 1)
        return np.partition(_Points(t, y).slopes(i, j), sorted(set(ranks)))[list(ranks)]
    points, rng = _Points(t, y), np.random.default_rng(_SEED)
    i = np.tile(np.arange(t.size), _SAMPLED_PER_SAMPLE)  # each sample equally often: the same slopes, less scatter
    j = i + rng.integers(1, t.size, i.size)
    j[j >= t.size] -= t.size
    sample = np.sort(points.slopes(i, j))
    shared = _narrowed(points, _everything(t.size), sample, (min(ranks), max(ranks)), _SPREAD)
    sample = _sample(points, shared, rng)
    windows: list[_Window] = []
    for rank in ranks:
        if not any(window.holds(rank) for window in windows):
            windows.append(_window(points, rank, shared, sample, rng))
    return np.array([next(w for w in windows if w.holds(rank)).at(rank) for rank in ranks])


def _everything(n: int) -> _Bracket:
    index = np.arange(n, dtype=np.int32)
    first, last = _Cut(index, 0, -math.inf), _Cut(index[::-1], n * (n - 1) // 2, math.inf)
    return _Bracket(first, last)


def _window(points: _Points, rank: int, bracket: _Bracket, sample: Floats, rng: np.random.Generator) -> _Window:
    limit, spread = _LISTED_PER_SAMPLE * points.t.size, _SPREAD
    while bracket.count > limit and bracket.lower.slope < bracket.upper.slope:
        first, last = _around(bracket, sample, (rank, rank), spread)
        if first >= 0 and last < sample.size and (last - first) / sample.size * bracket.count < limit / 2:
            window = _listed_between(points, bracket, float(sample[first]), float(sample[last]))
            if window.holds(rank):
                return window
        before = bracket.count
        bracket = _narrowed(points, bracket, sample, (rank, rank), spread)
        if bracket.count > before / 2:
            spread /= 2
        if bracket.count > limit:
            sample = _sample(points, bracket, rng)
    if bracket.lower.slope == bracket.upper.slope:
        return _Window(bracket.lower.below, bracket.count, np.array([bracket.lower.slope]))
    return _listed(points, bracket.lower, bracket.upper.order)


def _listed_between(points: _Points, bracket: _Bracket, low: float, high: float) -> _Window:
    """List the slopes from ``low`` to ``high``; their number comes out of it, so the upper cut need not be counted."""
    lower = _cut(points, bracket, low, closed=low == bracket.lower.slope)
    return _listed(points, lower, _order_at(points, high, closed=True))


def _listed(points: _Points, lower: _Cut, upper: Order) -> _Window:
    a, b = list_inversions(_places(upper)[lower.order])
    return _Window(lower.below, a.size, np.sort(points.ordered(upper).slopes(a, b)))


def _around(bracket: _Bracket, sample: Floats, ranks: tuple[int, int], spread: float) -> tuple[int, int]:
    """Return the places in ``sample`` that lie ``spread`` standard errors below and above ``ranks``."""
    least, most = ((rank - bracket.lower.below) / bracket.count for rank in ranks)
    first = math.floor(least * sample.size - spread * math.sqrt(sample.size * least * (1 - least))) - 2
    last = math.ceil(most * sample.size + spread * math.sqrt(sample.size * most * (1 - most))) + 2
    return first, last


def _narrowed(points: _Points, bracket: _Bracket, sample: Floats, ranks: tuple[int, int], spread: float) -> _Bracket:
    """Cut ``bracket`` on both sides of ``ranks``, the least and the most of those wanted."""
    first, last = _around(bracket, sample, ranks, spread)
    if first >= 0:
        slope = float(sample[first])
        bracket = _split(bracket, _cut(points, bracket, slope, closed=slope == bracket.lower.slope), ranks)
    if last < sample.size and bracket.lower.slope < bracket.upper.slope:
        slope = float(sample[last])
        bracket = _split(bracket, _cut(points, bracket, slope, closed=slope != bracket.upper.slope), ranks)
    return bracket


def _sample(points: _Points, bracket: _Bracket, rng: np.random.Generator) -> Floats:
    _, a, b = sample_inversions(_crossing(bracket), _SAMPLED_PER_SAMPLE * points.t.size / bracket.count, rng)
    return np.sort(points.ordered(bracket.upper.order).slopes(a, b))


def _split(bracket: _Bracket, cut: _Cut, ranks: tuple[int, int]) -> _Bracket:
    if ranks[0] >= cut.below:
        return _Bracket(cut, bracket.upper)
    return _Bracket(bracket.lower, cut) if ranks[1] < cut.below else bracket


def _cut(points: _Points, bracket: _Bracket, slope: float, *, closed: bool) -> _Cut:
    """Cut at ``slope``, itself inside ``bracket``; slopes equal to it lie below the cut when it is ``closed``."""
    order = _order_at(points, slope, closed=closed)
    return _Cut(order, bracket.lower.below + count_inversions(_places(order)[bracket.lower.order]), slope)


def _order_at(points: _Points, slope: float, *, closed: bool) -> Order:
    residual = (points.y - points.y[0]) - slope * (points.t - points.t[0])
    return _ascending(residual, descending_ties=closed)


def _ascending(values: Floats, *, descending_ties: bool) -> Order:
    """Return the order of ``values``, equal ones by index, rising or falling.

    The unstable sort is several times faster, and the few ties that a slope of
    the sample makes are put right afterwards.
    """
    order = np.argsort(values).astype(np.int32)
    ascending = values[order]
    tied = ascending[1:] == ascending[:-1]
    in_run = np.flatnonzero(np.append(tied, False) | np.append(False, tied))
    if in_run.size:
        indices = order[in_run]
        order[in_run] = indices[np.lexsort((-indices if descending_ties else indices, ascending[in_run]))]
    return order


def _crossing(bracket: _Bracket) -> Order:
    """The lower order's samples by their places in the upper: its inversions are the pairs between the cuts."""
    return _places(bracket.upper.order)[bracket.lower.order]


def _places(order: Order) -> Order:
    places = np.empty(order.size, dtype=np.int32)
    places[order] = np.arange(order.size, dtype=np.int32)
    return places
