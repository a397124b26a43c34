"""How much a series grew in all, with bounds: for a limit on the growth of a whole run."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from aging.stats.series.validation import as_series

_ENDS = 9


@dataclass(frozen=True, slots=True)
class GrowthTotal:
    """Growth from the start of a series to its end in the indicator's unit, between ``low`` and ``high``."""

    growth: float
    low: float
    high: float


def growth_total(t: ArrayLike, y: ArrayLike, level: float = 0.01, *, resolution: float = 0.0) -> GrowthTotal:
    """Return the growth of ``y`` at ``t`` seconds, both shape (n,), n >= 4, each bound missed with ``level``.

    The median of the last samples less that of the first: 9 at each end, fewer of a series shorter than 36. Its error
    is taken from the ranges of both parts, which are 3 standard deviations for 9 independent values (Tippett 1925),
    with Student's t; noise that is slower than a part counts as growth. ``resolution`` is the smallest change that
    matters: ``high`` is no less than it. Raises :class:`~aging.stats.SeriesError`.
    """
    _, values = as_series(t, y, least=4)
    count = max(min(_ENDS, values.size // 4), 1)
    first, last = values[:count], values[-count:]
    growth = float(np.median(last) - np.median(first))
    error = math.hypot(float(np.ptp(first)), float(np.ptp(last))) / (2 * math.sqrt(count))
    margin = float(stdtrit(max(2 * count - 2, 1), 1 - level)) * error
    return GrowthTotal(growth, growth - margin, max(growth + margin, resolution))
