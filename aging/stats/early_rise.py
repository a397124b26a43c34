"""A series that rose at its start and has stood since: what fills and is then full.

Such a rise makes the noise of the whole series look slow, and hides that most of it shows no trend.
"""

from __future__ import annotations

import numpy as np

from aging.stats.series.prepared import Observed
from aging.stats.series.validation import Floats
from aging.stats.slope.interval import interval
from aging.stats.trend_tests.series_har import SERIES_HAR
from aging.stats.verdict import FEWEST_EFFECTIVE

LATE = (0.4, 0.5)
"""Where the part may begin that has to stand, as a share of the time."""

_FIRST = 2
_CLEAR = 8.0
_LEAST_RISE = 4.0


def rose_and_stands(series: Observed, alpha: float, resolution: float) -> bool:
    """Whether ``series`` rose before its last three fifths, or its last half, and these by themselves are stable.

    Stable is what a whole series needs to be: no trend at ``alpha``, an interval of the slope that reaches zero, and
    enough independent samples. The rise from the first two samples is eight times the spread of the later half of the
    values (their quartiles), and four times the ``resolution``.
    """
    return any(_stands(series, Observed(*_from(series, share)), alpha, resolution) for share in LATE)


def _stands(series: Observed, late: Observed, alpha: float, resolution: float) -> bool:
    if late.n < FEWEST_EFFECTIVE:
        return False
    low, usual, high = np.quantile(late.y, (0.25, 0.5, 0.75))
    rise = float(usual - series.y[:_FIRST].max())
    if rise <= max(_CLEAR * float(high - low), _LEAST_RISE * resolution) or not np.ptp(late.y) > 0:
        return False
    if SERIES_HAR.on(late).p < alpha:
        return False
    slope = interval(late, 1 - alpha)
    return slope.low <= 0 and slope.n_effective >= FEWEST_EFFECTIVE


def _from(series: Observed, share: float) -> tuple[Floats, Floats]:
    kept = series.t >= series.t[0] + share * (series.t[-1] - series.t[0])
    return series.t[kept], series.y[kept]
