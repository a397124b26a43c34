"""Exact order statistics of the n(n-1)/2 pairwise slopes, without forming them.

The number of slopes below m is the number of inversions of y - m t. Where a
wanted slope lies, and how densely slopes lie there, a sixth of the samples
says, of which a sixth said it before. A line through what was counted then
comes far nearer with each count of all samples; of those next to the wanted one
a few are listed.

Slopes that lie in heaps, as those of whole pages of memory do, lie on no line.
There a sample of the slopes between two counts holds the heap's value
(randomised selection: Matoušek 1991; Dillencourt, Mount and Netanyahu 1992), and
counts on both of its sides show whether it is the wanted one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from aging.stats.series.validation import Floats
from aging.stats.slope.inversions import Order
from aging.stats.slope.reordering import in_time, pairs_listed, pairs_picked, sort

_DIRECT = 150
_FEW = 2000
_THINNING = 6
_LISTED_PER_SAMPLE = 4
_STEPS = 5
_ERROR = 0.02  # of what a line foresees
_SPREAD = 3.0
_SEED = 20260612


@dataclass(frozen=True, slots=True)
class _Cut:
    """All pairs split at a slope: the sample order there, and how many slopes lie on the lower side.

    Slopes equal to it lie on the lower side when it is ``closed``.
    """

    order: Order
    below: int
    slope: float
    closed: bool = False


@dataclass(frozen=True, slots=True)
class _Line:
    """Slopes near one of known rank: ``gradient`` is what a rank adds."""

    slope: float
    rank: float
    gradient: float

    def at(self, rank: float) -> float:
        return self.slope + self.gradient * (rank - self.rank)

    def by_rank(self, pairs: int) -> _Line:
        """The same of a line on which shares of the pairs stand for ranks."""
        return _Line(self.slope, self.rank * pairs, self.gradient / pairs)

    def through(self, cut: _Cut, other: _Cut | None) -> _Line:
        """The line through a cut and, where it lies elsewhere, another one."""
        if other is None or other.below == cut.below:
            return _Line(cut.slope, cut.below, self.gradient)
        return _Line(cut.slope, cut.below, (cut.slope - other.slope) / (cut.below - other.below))


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
    """Times and values, and both less their first, in which a residual loses no digits to a large level.

    ``both``, shape (n, 2), has time and value side by side: a pair that is read
    costs half as much then.
    """

    t: Floats
    y: Floats
    since: Floats
    above: Floats
    both: Floats

    @classmethod
    def of(cls, t: Floats, y: Floats) -> _Points:
        return cls(t, y, t - t[0], y - y[0], np.stack((t, y), axis=1))

    @property
    def n(self) -> int:
        return self.t.size

    @property
    def pairs(self) -> int:
        return self.n * (self.n - 1) // 2

    def slopes(self, i: NDArray[np.integer], j: NDArray[np.integer]) -> Floats:
        change = self.both.take(j, axis=0, mode="clip")  # no pair lies outside
        change -= self.both.take(i, axis=0, mode="clip")
        slopes: Floats = change[:, 1] / change[:, 0]
        return slopes

    def residuals(self, slope: float) -> Floats:
        """What orders the samples at ``slope``, also at an infinite one."""
        if math.isinf(slope):
            return np.multiply(self.t, -math.copysign(1.0, slope))
        residuals = self.since * -slope
        residuals += self.above
        return residuals

    def cut(self, slope: float, *, closed: bool = False) -> _Cut:
        return _Cut(*sort(self.residuals(slope), falling=closed), slope, closed)

    def thinned(self, rng: np.random.Generator) -> _Points:
        """One of every few neighbours: not always the same one, for the sake of what is periodic."""
        chosen = _THINNING * np.arange(self.n // _THINNING)
        chosen += rng.integers(0, _THINNING, chosen.size)
        return _Points.of(self.t[chosen], self.y[chosen])


def select_slopes(t: Floats, y: Floats, ranks: Sequence[int]) -> Floats:
    """Return the slopes (y_j - y_i) / (t_j - t_i), i < j, of the given ranks (0 the least), in expected O(n log n).

    ``t`` increases strictly; ``t`` and ``y`` have shape (n,), n >= 2.
    """
    points = _Points.of(t, y)
    if points.n <= _DIRECT:
        i, j = np.triu_indices(points.n, 1)
        return np.partition(points.slopes(i, j), sorted(set(ranks)))[list(ranks)]
    rng = np.random.default_rng(_SEED)
    coarse = _thinned(points, rng)
    sample = _sample(coarse[-1] if coarse else points, rng)
    order = in_time(points.n)
    cuts = [_Cut(order, 0, -math.inf, closed=True), end := _Cut(order[::-1].copy(), points.pairs, math.inf)]
    found = _extremes(points) if min(ranks) == 0 or max(ranks) == points.pairs - 1 else {}
    for rank in sorted(set(ranks) - set(found)):
        if rank not in found:
            line = _foreseen(rank / points.pairs, coarse, sample).by_rank(points.pairs)
            window = _near(points, rank, cuts, line) or _between(points, rank, cuts, rng)
            within = [other for other in ranks if window.holds(other)]
            found.update(zip(within, window.at(within), strict=True))
            cuts = [*_around(cuts, rank), end]
    return np.array([found[rank] for rank in ranks])


def _extremes(points: _Points) -> dict[int, float]:
    """The least and the greatest slope, which neighbours have: any other slope is a mean of theirs."""
    slopes = np.diff(points.y) / np.diff(points.t)
    return {0: float(slopes.min()), points.pairs - 1: float(slopes.max())}


def _thinned(points: _Points, rng: np.random.Generator) -> list[_Points]:
    """Return a sixth of the samples, a sixth of those, and so on to a few."""
    coarse: list[_Points] = []
    while points.n > _FEW:
        points = points.thinned(rng)
        coarse.append(points)
    return coarse


def _sample(points: _Points, rng: np.random.Generator) -> Floats:
    """Return as many slopes as there are samples, ascending."""
    order = in_time(points.n)
    other = order + rng.integers(1, points.n, points.n, dtype=np.int32)  # each once: the same slopes, less scatter
    other[other >= points.n] -= points.n
    return np.sort(points.slopes(order, other))


def _foreseen(share: float, coarse: Sequence[_Points], sample: Floats) -> _Line:
    """Return where the quantile ``share`` should lie: by the ``sample``, then by ``coarse`` series, the last first."""
    doubt = _doubt(share, sample.size)
    low, middle, high = (_placed(sample, share + sign * doubt) for sign in (-1, 0, 1))
    line = _Line(
        float(sample[middle]), share, float(sample[high] - sample[low]) / max((high - low) / sample.size, doubt)
    )
    for points in reversed(coarse):
        lower, upper = (points.cut(line.at(share + sign * doubt)) for sign in (-1, 1))
        between = (upper.below - lower.below) / points.pairs
        gradient = (upper.slope - lower.slope) / between if between > 0 else line.gradient
        line = _Line(lower.slope, lower.below / points.pairs, gradient)
        doubt = _doubt(share, points.n)
    return line


def _placed(sample: Floats, share: float) -> int:
    return min(max(int(share * sample.size), 0), sample.size - 1)


def _doubt(share: float, n: int) -> float:
    """Return how far from ``share`` may lie what a sample of ``n`` takes for its quantile."""
    return math.sqrt(max(share * (1 - share), 1 / n) / n)


def _around(cuts: Sequence[_Cut], rank: int) -> tuple[_Cut, _Cut]:
    """Return the nearest cuts to both sides of ``rank``."""
    lower = max((cut for cut in cuts if cut.below <= rank), key=attrgetter("slope", "closed"))
    beyond = (cut for cut in cuts if cut.below > rank and (cut.slope, cut.closed) > (lower.slope, lower.closed))
    return lower, min(beyond, key=attrgetter("slope", "closed"))


def _near(points: _Points, rank: int, cuts: list[_Cut], line: _Line) -> _Window | None:
    """Cut nearer and nearer to ``rank`` along the ``line`` and list the slopes there; None where they do not lie so."""
    known = _doubt(rank / points.pairs, points.n // _THINNING) * points.pairs
    last = next((cut for cut in cuts if math.isfinite(cut.slope) and abs(cut.below - rank) < known), None)
    line = line if last is None else replace(line, slope=last.slope, rank=last.below)
    for _ in range(_STEPS):
        lower, upper = _around(cuts, rank)
        if upper.below - lower.below <= points.n:
            return _listed(points, lower, upper)
        aim = float(rank)
        if last is not None:
            off = rank - last.below
            margin = math.copysign(max(points.n / 8, _ERROR * abs(off)), off)
            if abs(off + margin) <= points.n:
                aim = rank + margin
                if (window := _passed(points, last, line.at(aim))) is not None and window.holds(rank):
                    return window
            elif 2 * abs(margin) <= points.n:
                aim = rank - margin  # the next one lists from here
        if not lower.slope < (slope := line.at(aim)) < upper.slope:
            return None
        cut = points.cut(slope)
        cuts.append(cut)
        line = line.through(cut, last)
        last = cut
    return None


def _listed(points: _Points, lower: _Cut, upper: _Cut) -> _Window:
    count = upper.below - lower.below
    pairs = pairs_listed(points.residuals(upper.slope), lower.order, 2 * count + points.n, falling=upper.closed)
    if pairs is None or pairs.earlier.size < count:  # slopes that differ by rounding alone
        return _Window(lower.below, count, np.array([upper.slope]))
    return _Window(lower.below, count, points.slopes(*pairs))


def _passed(points: _Points, start: _Cut, slope: float) -> _Window | None:
    """List the slopes between ``start`` and ``slope``, which may lie to either side of it; None where they are many."""
    pairs = pairs_listed(points.residuals(slope), start.order, 2 * points.n)
    if pairs is None:
        return None
    count = pairs.earlier.size
    return _Window(start.below if slope > start.slope else start.below - count, count, points.slopes(*pairs))


def _between(points: _Points, rank: int, cuts: list[_Cut], rng: np.random.Generator) -> _Window:
    """Cut to both sides of ``rank`` where a sample of what lies there says, until it can be listed or is one value."""
    while True:
        lower, upper = _around(cuts, rank)
        count = upper.below - lower.below
        if lower.slope == upper.slope:
            return _Window(lower.below, count, np.array([lower.slope]))
        if count <= _LISTED_PER_SAMPLE * points.n:
            return _listed(points, lower, upper)
        picks = _spread_over(count, points.n, rng)
        pairs = pairs_picked(points.residuals(upper.slope), lower.order, picks, falling=upper.closed)
        picked = np.sort(points.slopes(*pairs))
        first = np.searchsorted(picked, lower.slope, side="right" if lower.closed else "left")
        last = np.searchsorted(picked, upper.slope, side="right" if upper.closed else "left")
        sample = picked[first:last]
        if not sample.size:  # slopes that differ from the ends by rounding alone
            return _Window(lower.below, count, np.array([upper.slope]))
        share = (rank - lower.below) / count
        spread = _SPREAD * math.sqrt(share * (1 - share) / sample.size) + 1 / sample.size
        below, at, above = (float(sample[_placed(sample, share + sign * spread)]) for sign in (-1, 0, 1))
        if (below, above) == (lower.slope, upper.slope):
            below = above = at
        cuts += points.cut(below), points.cut(above, closed=True)


def _spread_over(count: int, picked: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw one number from each of ``picked`` equal parts of 0 to ``count`` - 1."""
    at = np.arange(picked, dtype=np.float64)
    at += rng.random(picked)
    at *= count / picked
    return at.astype(np.int64)
