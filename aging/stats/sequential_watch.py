"""Sequential watch of a growing series: O(1) per sample, bounded looks, one error probability for all looks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aging.stats.series.prepared import Observed
from aging.stats.series.validation import Floats, SeriesError
from aging.stats.trend import LEAST, Trend, analyze
from aging.stats.trend_tests.series_har import SERIES_HAR

_BLOCKS = 256
_FIRST = 288.0
"""The first look is after this part of the plan: five minutes of a day."""
_AT_FIRST = 64
_SOONEST = 1 / 32


@dataclass(frozen=True, slots=True)
class Rise:
    """A look that found sustained growth: which of the looks, the level of p that it was allowed, what it saw."""

    look: int
    level: float
    trend: Trend


class TrendWatch:
    """Sustained growth, looked for ``looks`` times over ``planned`` seconds, ever more rarely.

    Looks are at times in geometric progression from 1/288 of the plan to its end, so that a leak that fills a limit in
    minutes is seen as well as one that takes the day. Samples are kept as means of equally long blocks, never more than
    twice 256; when they are full, neighbours are merged. A look is the whole analysis of those means
    (:func:`~aging.stats.trend_test`): a trend at the level alpha / looks, and growth that is sustained, so that neither
    noise nor a warm-up is a rise. Bonferroni's levels hold whatever the looks have in common: in one watch a series
    without a trend is called rising with a probability of at most ``alpha``.

    ``origin`` is when the watch began, in seconds since the start of load. ``resolution`` is the smallest change that
    matters, in the unit of y. Raises :class:`~aging.stats.SeriesError` for a plan that is not positive.
    """

    def __init__(
        self, planned: float, looks: int = 20, alpha: float = 0.05, *, origin: float = 0.0, resolution: float = 0.0
    ) -> None:
        if planned <= 0 or looks < 1:
            raise SeriesError("a watch needs a positive length and at least one look")
        if not 0 < alpha < 1:
            raise SeriesError(f"alpha must lie between 0 and 1, not {alpha}")
        self._times = np.geomspace(planned / _FIRST, planned, looks) if looks > 1 else np.array([planned])
        self._level = alpha / looks
        self._origin, self._resolution = origin, resolution
        self._width = planned / _FIRST / _AT_FIRST
        self._sums = np.zeros(2 * _BLOCKS)
        self._counts = np.zeros(2 * _BLOCKS, dtype=np.int64)
        self._looked = 0

    @property
    def times(self) -> Floats:
        """When the looks are due, in seconds since the watch began, shape (looks,)."""
        return self._times

    @property
    def over(self) -> bool:
        """Whether every planned look has been made."""
        return self._looked == self._times.size

    def add(self, t: float, y: float) -> None:
        """Take the sample ``y`` at ``t`` seconds since the watch began (t >= 0)."""
        while t >= self._width * self._sums.size:
            self._merge()
        block = int(t / self._width)
        self._sums[block] += y
        self._counts[block] += 1

    def look(self, t: float) -> Rise | None:
        """The rise that a look finds which is due at ``t`` seconds; None where none is due, or there is none."""
        due = int(np.searchsorted(self._times, t, side="right"))
        if due <= self._looked:
            return None
        self._looked = due  # missed looks are not repeated: their level is lost, not shared
        return self.again()

    def again(self) -> Rise | None:
        """The rise as it is now, at the level of a look: for one that an earlier look has found, and that goes on."""
        t, y = self.blocks()
        if y.size < LEAST:
            return None
        seen = Observed.of(t + self._origin, y, least=LEAST)
        test = SERIES_HAR.on(seen)
        if test.s <= 0 or test.p > self._level:  # a tenth of the work, and the end of most looks
            return None
        trend = analyze(seen, self._level, resolution=self._resolution)
        return Rise(self._looked, self._level, trend) if trend.verdict == "aging" else None

    def next_after(self, t: float, wait: float) -> float:
        """When to look again at a rise: after ``wait`` seconds, but no sooner than what is new can show."""
        return t + max(wait, t * _SOONEST, self._width)

    def blocks(self) -> tuple[Floats, Floats]:
        """The middles (seconds) and means of the blocks that hold samples, both shape (m,), m <= 512."""
        held = np.flatnonzero(self._counts)
        middles = np.asarray((held + 0.5) * self._width, dtype=np.float64)
        return middles, self._sums[held] / self._counts[held]

    def _merge(self) -> None:
        half = self._sums.size // 2
        self._sums = np.append(self._sums.reshape(half, 2).sum(axis=1), np.zeros(half))
        self._counts = np.append(self._counts.reshape(half, 2).sum(axis=1), np.zeros(half, dtype=np.int64))
        self._width *= 2
