"""Sen's slope and its distribution-free confidence limits on real times."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from aging.stats.series.validation import Floats, SeriesError, as_series
from aging.stats.slope.kendall import variance_of_s
from aging.stats.slope.pairwise_selection import select_slopes


@dataclass(frozen=True, slots=True)
class Slope:
    """A slope with its confidence limits, in the indicator's unit per second."""

    slope: float
    low: float
    high: float


def sen_slope(t: ArrayLike, y: ArrayLike, confidence: float = 0.95) -> Slope:
    """Return the median pairwise slope of ``y`` against ``t`` (seconds), both shape (n,), n >= 2.

    Limits are the slopes of rank (N -+ z sqrt(var S)) / 2 of the N pairs (Theil
    1950; Sen 1968, eq. 2.6), which presumes independent residuals: on AR(1)
    residuals with coefficient 0.9 a 95 % interval covers 38 % of the time. Use
    :func:`~aging.stats.sen_slope_autocorrelated` for an interval to rely on.
    Exact, and linear in memory. Raises :class:`~aging.stats.SeriesError`.

    One outlier does not move it, but the upper limit:

    >>> sen_slope([0, 10, 20, 30, 40], [1.0, 3.0, 5.0, 7.0, 50.0])
    Slope(slope=0.2, low=0.2, high=4.3)
    """
    times, values = as_series(t, y, least=2)
    if not 0 < confidence < 1:
        raise SeriesError(f"confidence must lie between 0 and 1, not {confidence}")
    variance = variance_of_s(values)
    limits = limiting_ranks(times.size, float(ndtri((1 + confidence) / 2)) * math.sqrt(variance))
    lower, upper, low, high = select_slopes(times, values, [*middle_ranks(times.size), *limits]).tolist()
    return Slope((lower + upper) / 2 + 0.0, low + 0.0, high + 0.0)  # + 0.0 turns -0.0 into 0.0


def theil_sen(t: Floats, y: Floats) -> float:
    """Return the median pairwise slope alone. ``t`` increases strictly."""
    return float(select_slopes(t, y, middle_ranks(t.size)).mean())


def middle_ranks(n: int) -> tuple[int, int]:
    """Return the ranks, from 0, of the median of all pairs of ``n`` samples; equal ones if it is one of them."""
    pairs = n * (n - 1) // 2
    return (pairs - 1) // 2, pairs // 2


def limiting_ranks(n: int, half_width: float) -> tuple[int, int]:
    """Return the ranks of the limits ``half_width`` away from the middle, in units of S, or of the outermost slopes."""
    pairs = n * (n - 1) // 2
    half_width = min(half_width, float(pairs))
    first, last = round((pairs - half_width) / 2) - 1, round((pairs + half_width) / 2)
    return max(first, 0), min(last, pairs - 1)


def steps_from_one(t: Floats) -> Floats:
    """Return times from one (median) step on, as the field's tools count.

    In a quantised series less its slope, rounding alone breaks the ties: to agree
    with those tools the residuals must be rounded as theirs are.
    """
    counted: Floats = t - t[0] + float(np.median(np.diff(t)))
    return counted
