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

_DIRECT = 1_000
_LISTED_PER_SAMPLE = 16
_SAMPLED_PER_SAMPLE = 4
_SEED = 20260612


@dataclass(frozen=True, slots=True)
class _Points:
    t: Floats
    y: Floats

    def slopes(self, i: NDArray[np.int64], j: NDArray[np.int64]) -> Floats:
        slopes: Floats = (self.y[j] - self.y[i]) / (self.t[j] - self.t[i])
        return slopes


@dataclass(frozen=True, slots=True)
class _Cut:
    """All pairs split at a slope: the sample order there, and how many slopes lie on the lower side."""

    order: NDArray[np.int64]
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
    i = rng.integers(0, t.size, _SAMPLED_PER_SAMPLE * t.size)
    j = (i + rng.integers(1, t.size, i.size)) % t.size
    sample = np.sort(points.slopes(i, j))
    windows: list[_Window] = []
    for rank in ranks:
        if not any(window.holds(rank) for window in windows):
            windows.append(_window(points, rank, sample, rng))
    return np.array([next(w for w in windows if w.holds(rank)).at(rank) for rank in ranks])


def _window(points: _Points, rank: int, sample: Floats, rng: np.random.Generator) -> _Window:
    n = points.t.size
    first, last = _Cut(np.arange(n), 0, -math.inf), _Cut(np.arange(n)[::-1], n * (n - 1) // 2, math.inf)
    bracket, spread = _Bracket(first, last), 4.0
    while bracket.count > _LISTED_PER_SAMPLE * n:
        inside = bracket.count
        place = (rank - bracket.lower.below) / inside
        margin = spread * math.sqrt(sample.size * place * (1 - place)) + 2
        least, most = math.floor(place * sample.size - margin), math.ceil(place * sample.size + margin)
        if least >= 0:
            slope = float(sample[least])
            bracket = _split(points, rank, bracket, slope, closed=slope == bracket.lower.slope)
        if most < sample.size and bracket.lower.slope < bracket.upper.slope:
            slope = float(sample[most])
            bracket = _split(points, rank, bracket, slope, closed=slope != bracket.upper.slope)
        if bracket.lower.slope == bracket.upper.slope:
            return _Window(bracket.lower.below, bracket.count, np.array([bracket.lower.slope]))
        if bracket.count > inside / 2:
            spread /= 2
        rate = _SAMPLED_PER_SAMPLE * n / bracket.count
        _, a, b = sample_inversions(_crossing(bracket), rate, rng)
        sample = np.sort(points.slopes(bracket.upper.order[a], bracket.upper.order[b]))
    a, b = list_inversions(_crossing(bracket))
    listed = points.slopes(bracket.upper.order[a], bracket.upper.order[b])
    return _Window(bracket.lower.below, bracket.count, np.sort(listed))


def _split(points: _Points, rank: int, bracket: _Bracket, slope: float, *, closed: bool) -> _Bracket:
    """Narrow the bracket of ``rank`` at ``slope``; slopes equal to it lie below the cut when it is ``closed``."""
    residual = (points.y - points.y[0]) - slope * (points.t - points.t[0])
    order = np.argsort(residual[::-1] if closed else residual, kind="stable")
    if closed:
        order = order.size - 1 - order
    below = bracket.lower.below + count_inversions(_places(order)[bracket.lower.order])
    cut = _Cut(order, below, slope)
    return _Bracket(bracket.lower, cut) if rank < below else _Bracket(cut, bracket.upper)


def _crossing(bracket: _Bracket) -> NDArray[np.int64]:
    """The lower order's samples by their places in the upper: its inversions are the pairs between the cuts."""
    return _places(bracket.upper.order)[bracket.lower.order]


def _places(order: NDArray[np.int64]) -> NDArray[np.int64]:
    places = np.empty(order.size, dtype=np.int64)
    places[order] = np.arange(order.size)
    return places
