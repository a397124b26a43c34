"""Sequential watch of a growing series: O(1) per sample, bounded looks, one error probability for all looks."""

from __future__ import annotations

import numpy as np

from aging.stats.multiple.group_sequential import look_levels
from aging.stats.series.validation import Floats, SeriesError
from aging.stats.slope.sen import theil_sen
from aging.stats.trend_tests.series_har import LEAST, series_har

_BLOCKS = 256


class TrendWatch:
    """A rising trend, looked for ``looks`` times at equal intervals over ``planned`` seconds.

    Samples are kept as means of equally long blocks, never more than twice 256;
    when they are full, neighbours are merged. A look is the series-HAR test on
    those means against the level that O'Brien–Fleming spending leaves it
    (:func:`~aging.stats.look_levels`), so that watching for days raises a false
    alarm no more often than ``alpha``. Raises
    :class:`~aging.stats.SeriesError` for a plan that is not positive.
    """

    def __init__(self, planned: float, looks: int = 20, alpha: float = 0.05) -> None:
        if planned <= 0 or looks < 1:
            raise SeriesError("a watch needs a positive length and at least one look")
        self._times = np.arange(1, looks + 1) * (planned / looks)
        self._levels = look_levels(self._times, alpha)
        self._width = planned / _BLOCKS
        self._sums = np.zeros(2 * _BLOCKS)
        self._counts = np.zeros(2 * _BLOCKS, dtype=np.int64)
        self._looked = 0

    def add(self, t: float, y: float) -> None:
        """Take the sample ``y`` at ``t`` seconds since the watch began (t >= 0)."""
        while t >= self._width * self._sums.size:
            self._merge()
        block = int(t / self._width)
        self._sums[block] += y
        self._counts[block] += 1

    def rising(self, t: float) -> bool:
        """Whether a look that is due at ``t`` seconds finds a rising trend; False where none is due."""
        due = int(np.searchsorted(self._times, t, side="right"))
        if due <= self._looked:
            return False
        self._looked = due  # missed looks are not repeated: their level is lost, not shared
        _, y = self.blocks()
        if y.size < LEAST:
            return False
        result = series_har(y)
        return bool(result.s > 0 and result.p <= self._levels[due - 1])

    @property
    def over(self) -> bool:
        """Whether every planned look has been made."""
        return self._looked == self._times.size

    def slope(self) -> float:
        """Sen's slope of the block means, in the unit of y per second."""
        return theil_sen(*self.blocks())

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
