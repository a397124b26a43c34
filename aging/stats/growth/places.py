"""Attribution of the growth of a sum to its terms: the memory of a process tree to its processes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from aging.stats.series.validation import Floats, SeriesError
from aging.stats.slope.sen import theil_sen

LEAST_TIMES = 4
"""Times from which a slope of a term is worth something."""

_SHARE = 0.6
_JUMPS = 2.0
_STEADY = 1 / 3
"""Where the steady slopes make up less than this part of the growth, steps made it."""


def term_slopes(t: ArrayLike, levels: ArrayLike) -> Floats:
    """The slope of every column of ``levels``, shape (n, k), at times ``t``, shape (n,).

    Sen's, as the slope of a finding, so that one jump of a term is not taken for its growth; where they add up to less
    than a third of the least-squares slopes, jumps made the growth and those are returned. In the unit of ``levels``
    per unit of ``t``. Raises :class:`~aging.stats.SeriesError` for fewer than :data:`LEAST_TIMES` times, or equal ones.
    """
    times, values = np.asarray(t, dtype=np.float64), np.asarray(levels, dtype=np.float64)
    jumps = additive_slopes(times, values)
    steady = np.array([theil_sen(times, column) for column in values.T])
    return steady if steady.sum() >= _STEADY * jumps.sum() else jumps


def additive_slopes(t: ArrayLike, levels: ArrayLike) -> Floats:
    """The least-squares slope of every column, for input as that of :func:`term_slopes`.

    It is linear in the values, so the slopes of terms add up to that of their sum.
    """
    times, values = np.asarray(t, dtype=np.float64), np.asarray(levels, dtype=np.float64)
    if times.size < LEAST_TIMES or values.shape[0] != times.size:
        raise SeriesError(f"at least {LEAST_TIMES} times are needed, and levels at each; got {times.size}")
    centered = times - times.mean()
    spread = float(centered @ centered)
    if spread == 0:
        raise SeriesError("the times are all equal")
    slopes: Floats = centered @ (values - values[0]) / spread
    return slopes


def clear_leader(growth: ArrayLike, jumps: ArrayLike) -> int | None:
    """The place of the term that clearly makes the growth, of shape (k,); None where there is no such term.

    Its share of all that grew is at least 60 %. It lies above the largest of the others by more than the others are
    apart, and by more than two of the largest jumps of the others: ``jumps``, shape (k,), are the largest rises of each
    term from one reading to the next. A term alone is the leader if it grew.
    """
    values, rises = np.asarray(growth, dtype=np.float64), np.asarray(jumps, dtype=np.float64)
    if not values.size:
        return None
    first = int(np.argmax(values))
    largest = float(values[first])
    if largest <= 0 or largest < _SHARE * float(values[values > 0].sum()):
        return None
    others = np.delete(values, first)
    if not others.size:
        return first
    apart = max(float(np.ptp(others)), _JUMPS * float(np.delete(rises, first).max()))
    return first if largest - float(others.max()) > apart else None
