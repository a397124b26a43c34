"""Growth in jumps: a list, a table or an arena that is extended when it is full.

A structure is full just before it is extended, so the level there is what the load has used, whatever the size of
the extension: levels before the jumps lie on the line of the leak, for equal jumps as for doubling ones. Only the
jumps of a single structure, or a high-water mark, depart from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from aging.stats.series.validation import Floats

FEWEST_STEPS = 5
"""Fewest steps whose rate can be told from a high-water mark's."""

_MOST_STEPS = 40
_SHARE = 0.8
_FALLS = 0.25
_APART = 0.01
_BAR = -0.5
_OVERDUE = 2.5


@dataclass(frozen=True, slots=True)
class Staircase:
    """``steps`` rising steps that make at least 80 % of the growth.

    ``rate`` per unit of the axis, with its 95 % limits, of the levels just before the steps; NaN with fewer than 3
    steps. ``lean`` bounds the power by which growth a unit changes, 0 of a leak and -1 of a high-water mark.
    ``gap`` is the mean distance of two steps, ``since`` that from the last one to the end, in distances that a step
    of its size lasts at this rate; ``largest`` the share of the largest in all growth.
    """

    steps: int
    rate: float
    low: float
    high: float
    lean: tuple[float, float]
    gap: float
    since: float
    largest: float

    @property
    def goes_on(self) -> bool:
        """Whether the steps follow the load, as those of a leak do."""
        return self.steps >= FEWEST_STEPS and self.low > 0 and self.lean[0] > _BAR and self.since < _OVERDUE

    @property
    def tires(self) -> bool:
        """Whether the steps get rarer or smaller, as those of a high-water mark do."""
        return self.steps >= FEWEST_STEPS and self.lean[1] < _BAR


def staircase(x: Floats, y: Floats, resolution: float = 0.0) -> Staircase | None:
    """Return the staircase in ``y`` at ``x`` > 0, both shape (n,), or None where growth is no matter of a few steps.

    At most 40 rises must make 80 % of all, falls at most a quarter of them, and a step be above the ``resolution``.
    """
    moves = np.diff(y)
    rises, falls = float(moves[moves > 0].sum()), -float(moves[moves < 0].sum())
    if rises <= 0 or falls > _FALLS * rises:
        return None
    begins, ends = _joined(np.flatnonzero(moves > 0), x)
    sizes = y[ends] - y[begins]
    order = np.argsort(-sizes, kind="stable")
    count = int(np.searchsorted(np.cumsum(sizes[order]), _SHARE * rises)) + 1
    if count > min(_MOST_STEPS, sizes.size) or sizes[order[count - 1]] <= resolution:
        return None
    chosen = np.flatnonzero(sizes >= (1 - 1e-9) * sizes[order[count - 1]])
    count = chosen.size
    places, levels = x[begins[chosen]], y[begins[chosen]]
    largest = float(sizes.max()) / rises
    if count < 3:
        gap = float(x[-1] - x[0]) / count
        return Staircase(count, math.nan, math.nan, math.nan, (-math.inf, math.inf), gap, math.nan, largest)
    rate, low, high = _rate(places, levels)
    gap = float(np.diff(places).mean())
    lasts = max(gap, float(sizes[chosen[-1]]) / rate) if rate > 0 else gap
    since = float(x[-1] - places[-1]) / lasts
    return Staircase(count, rate, low, high, _lean(places, levels), gap, since, largest)


def _joined(rising: NDArray[np.intp], x: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The first and last sample of every rise; rises within 1 % of the window are one, which lasts no longer."""
    width, begins = _APART * float(x[-1] - x[0]), [0]
    places = x[rising]
    while (following := int(np.searchsorted(places, places[begins[-1]] + width, side="right"))) < rising.size:
        begins.append(following)
    last = np.append(np.array(begins[1:], dtype=np.intp) - 1, rising.size - 1)
    return rising[begins], rising[last] + 1


def _rate(places: Floats, levels: Floats) -> tuple[float, float, float]:
    """The ratio estimate of growth to gap, with the limits of its residuals (Cochran 1977, section 6.4)."""
    gaps, grown = np.diff(places), np.diff(levels)
    m = gaps.size
    rate = float(grown.sum() / gaps.sum())
    residuals = grown - rate * gaps
    error = math.sqrt(float(residuals @ residuals) * m / (m - 1)) / float(gaps.sum())
    margin = float(stdtrit(m - 1, 0.975)) * error
    return rate, rate - margin, rate + margin


def _lean(places: Floats, levels: Floats) -> tuple[float, float]:
    """The 95 % limits of the slope of ln(growth a unit) on ln x."""
    grown, gaps = np.diff(levels), np.diff(places)
    kept = (grown > 0) & (gaps > 0)
    at, rates = np.log((places[1:] + places[:-1]) / 2)[kept], np.log(grown[kept] / gaps[kept])
    m = at.size
    centred = at - at.mean()
    spread = float(centred @ centred)
    if m < 3 or spread == 0:
        return -math.inf, math.inf
    slope = float(centred @ rates) / spread
    left = rates - rates.mean() - slope * centred
    margin = float(stdtrit(m - 2, 0.975)) * math.sqrt(float(left @ left) / (m - 2) / spread)
    return slope - margin, slope + margin
