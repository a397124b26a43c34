"""What a series shows of its growth, in windows that all end with it and begin ever later."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from aging.stats.growth.curve_score import curve_score
from aging.stats.growth.operational_time import Score, operational_time, recording, score
from aging.stats.noise.har_variance import COSINES
from aging.stats.series.block_medians import block_medians
from aging.stats.series.validation import Floats

WINDOWS = (0.05, 0.2, 0.4, 0.6)
"""Where the windows begin, in shares of the series."""

BAR = 0.5
"""The power of growth between a leak (1) and a high-water mark (0)."""

_FEWEST = 24
_FINEST_CURVE = 1_000
_BLOCKS = 60


@dataclass(frozen=True, slots=True)
class Evidence:
    """The part of a series from ``start`` on: ``x`` and ``y``, shape (m,), and what it shows.

    ``half`` and ``constant`` are the scores of the powers 1/2 and 1 (:mod:`aging.stats.growth.operational_time`);
    ``early`` and ``late`` the growth per unit of the axis in the window's halves.
    """

    start: float
    x: Floats
    y: Floats
    half: Score
    constant: Score
    early: float
    late: float

    @property
    def span(self) -> float:
        return float(self.x[-1] - self.start)

    @property
    def late_growth(self) -> float:
        """How much the series grew in the second half of the window."""
        return self.late * self.span / 2

    @property
    def growth(self) -> float:
        return self.constant.growth

    @property
    def faster_than_half(self) -> bool:
        """Whether powers of growth up to 1/2 are refuted, by the blocks or by a regression under noise."""
        return self.half.z > quantile(self.half) or outgrows(self.x, self.y, BAR)

    @property
    def slower_than_half(self) -> bool:
        """Whether powers of growth from 1/2 on are refuted."""
        return self.half.z < -quantile(self.half)

    @property
    def slows(self) -> bool:
        """Whether a constant rate is refuted."""
        return self.constant.z < -quantile(self.constant)


def evidence(x: Floats, y: Floats) -> list[Evidence]:
    """Return what each of four windows shows of ``y`` at ``x`` > 0 since the start of load; without those too short."""
    found = []
    for share in WINDOWS:
        start = max(float(x[0] + share * (x[-1] - x[0])), 1e-9 * float(x[-1]))
        kept = x >= start
        if np.count_nonzero(kept) < _FEWEST:
            continue
        samples = recording(x, y, start)
        half, constant = score(samples, BAR), score(samples, 1.0)
        if half is not None and constant is not None:
            found.append(Evidence(start, x[kept], y[kept], half, constant, *_halves(x[kept], y[kept])))
    return found


def _halves(x: Floats, y: Floats) -> tuple[float, float]:
    places, levels = block_medians(x, y, _BLOCKS * 4)
    first, middle, last = np.interp([x[0], (x[0] + x[-1]) / 2, x[-1]], places, levels)
    half = float(x[-1] - x[0]) / 2
    return float(middle - first) / half, float(last - middle) / half


def outgrows(x: Floats, y: Floats, power: float) -> bool:
    """Whether a line is needed beside the curve of that power: the better witness where noise hides the growth."""
    places, levels = block_medians(x, y, _FINEST_CURVE)
    return curve_score(levels, places, operational_time(places / places[-1], power)) > float(stdtrit(COSINES, 0.975))


def quantile(found: Score, p: float = 0.975) -> float:
    """Student's t of a score."""
    return float(stdtrit(found.df, p))
