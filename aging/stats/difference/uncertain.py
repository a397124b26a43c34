"""An estimate with its standard errors on either side, and the degrees of freedom of those."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from aging.stats.multiple.pooling import pool
from aging.stats.series.prepared import Observed
from aging.stats.series.validation import SeriesError, is_constant
from aging.stats.slope.interval import interval

CONFIDENCE = 0.95
_Z975 = float(ndtri(0.975))
_LEAST = 12


@dataclass(frozen=True, slots=True)
class Uncertain:
    """An estimate; ``below`` and ``above`` are the standard errors that its lower and its upper limit have.

    They differ where an interval is not symmetric, and are infinite where the data do not bound that side. ``freedom``
    are the degrees of freedom of the errors.
    """

    value: float
    below: float
    above: float
    freedom: float

    def limits(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """The lower and the upper limit at this confidence."""
        t = quantile(self.freedom, confidence)
        return self.value - t * self.below, self.value + t * self.above

    def scaled(self, factor: float) -> Uncertain:
        """The same in a unit of which one is ``factor`` of its own; ``factor`` > 0."""
        return Uncertain(self.value * factor, self.below * factor, self.above * factor, self.freedom)


def of_limits(value: float, low: float, high: float, freedom: float) -> Uncertain:
    """The estimate that has these 95 % limits of a Student t."""
    t = quantile(freedom, CONFIDENCE)
    return Uncertain(value, (value - low) / t, (high - value) / t, freedom)


def quantile(freedom: float, confidence: float) -> float:
    """The two-sided quantile of Student's t; of the normal distribution at infinitely many degrees of freedom."""
    level = (1 + confidence) / 2
    return float(stdtrit(freedom, level)) if math.isfinite(freedom) else float(ndtri(level))


def slope(t: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> Uncertain:
    """Sen's slope of ``y`` at ``t`` seconds, both shape (n,), n >= 12, with the errors that autocorrelation leaves.

    Limits as in :func:`aging.stats.sen_slope_autocorrelated`. Raises :class:`~aging.stats.SeriesError`.
    """
    series = Observed.of(t, y, _LEAST)
    if is_constant(series.y):
        return Uncertain(0.0, 0.0, 0.0, math.inf)
    found = interval(series, CONFIDENCE)
    return of_limits(found.slope, found.low, found.high, found.freedom)


def pooled(replicas: Sequence[Uncertain]) -> Uncertain:
    """Replicas pooled by random effects with Hartung and Knapp's error and k - 1 degrees of freedom; one is itself.

    As the findings pool slopes: weights follow from the width of 95 % intervals, and an estimate without noise has a
    tenth of the narrowest other width. Where no replica has noise, the error is that of their mean. Raises
    :class:`~aging.stats.SeriesError` for none.
    """
    if not replicas:
        raise SeriesError("there is no estimate to pool")
    if len(replicas) == 1:
        return replicas[0]
    values = np.array([one.value for one in replicas])
    widths = np.array([float(np.subtract(*one.limits()[::-1])) for one in replicas])
    bounded = np.isfinite(widths)
    if np.any(bounded & (widths > 0)):
        positive = widths[bounded & (widths > 0)]
        widths = np.where(bounded, np.maximum(widths, positive.min() / 10), positive.max() * 10)
        found = pool(values, widths / (2 * _Z975), method="hartung-knapp")
        return Uncertain(found.slope, found.se, found.se, float(values.size - 1))
    return mean_of(values)


def mean_of(values: np.ndarray) -> Uncertain:
    """The mean of k >= 2 independent values, shape (k,), with their spread for its error."""
    error = float(np.std(values, ddof=1)) / math.sqrt(values.size)
    return Uncertain(float(values.mean()), error, error, float(values.size - 1))
