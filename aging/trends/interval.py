"""Sen's slope with an interval that autocorrelation does not shrink."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from aging.trends.autoregression import fit
from aging.trends.har import COSINES, slope_variance
from aging.trends.kendall import average_ranks, kendall_s
from aging.trends.noise import PARSIMONIOUS, centred_index, detrend, inflation, is_zero
from aging.trends.series import Floats, SeriesError, as_series
from aging.trends.slope import Slope, slope_with_limits, theil_sen

LEAST = 12
_SATURATED = 0.9
_STEEP = 0.5
_INTEGRATED_SLOPE = 6 / 5


@dataclass(frozen=True, slots=True)
class AutocorrelatedSlope(Slope):
    """A slope per second with its limits, and how many independent samples the series is worth."""

    n_effective: float


def sen_slope_autocorrelated(t: ArrayLike, y: ArrayLike, confidence: float = 0.95) -> AutocorrelatedSlope:
    """Return Sen's slope of ``y`` against ``t`` (seconds), both shape (n,), n >= 12, with honest limits.

    Limits are the slopes of rank (N -+ C) / 2 with C = t sqrt(var S * I): I is
    Hamed and Rao's inflation under a bias-corrected AR model of the rank
    residuals, t Student's with n/I - 2 degrees of freedom. Where Kendall's tau is
    beyond 1/2, ranks are squeezed at both ends and hide how long the noise
    remembers: the residuals are those of the values then (AR(1) 0.9, n = 60:
    coverage 0.83 with ranks, 0.95 so).

    Where tau is beyond 0.9, the ranks lie on a line whatever the noise does, and
    no count of pairs tells its size: it is taken from the values. Noise that
    may be integrated, as that of a leak made of separate losses is (a unit root
    is not refused at 5 %), gives the limits of a drift: slope -+ t_8 sqrt(6/5 *
    lambda / n), lambda the long-run variance of the increments from eight
    cosines and 6/5 what a fitted slope pays over the mean increment (Durlauf and
    Phillips 1988). Other noise gives the limits at which the primary test, on
    values, would refuse the slope.
    Raises :class:`~aging.trends.SeriesError`.
    """
    times, values = as_series(t, y, least=LEAST)
    if not 0 < confidence < 1:
        raise SeriesError(f"confidence must lie between 0 and 1, not {confidence}")
    n = times.size
    s, variance = kendall_s(values)
    tau = abs(s) / (n * (n - 1) / 2)
    if tau > _SATURATED:
        return _of_values(times, values, confidence)
    scored = values if tau > _STEEP else average_ranks(values)
    _, residuals = detrend(scored)
    widening = 1.0 if is_zero(residuals, float(np.ptp(scored))) else inflation(residuals)
    freedom = max(n / widening - 2, 1.5)
    half_width = float(stdtrit(freedom, (1 + confidence) / 2)) * math.sqrt(variance * widening)
    found = slope_with_limits(times, values, half_width)
    return AutocorrelatedSlope(found.slope, found.low, found.high, n / widening)


def _of_values(t: Floats, y: Floats, confidence: float) -> AutocorrelatedSlope:
    n = t.size
    slope = theil_sen(t, y)
    _, residuals = detrend(y)
    if is_zero(residuals, float(np.ptp(y))):
        return AutocorrelatedSlope(slope, slope, slope, float(n))
    integrated = fit(residuals, PARSIMONIOUS).may_be_integrated
    error = _drift_error(t, y) if integrated else _level_error(t, y)
    margin = float(stdtrit(COSINES, (1 + confidence) / 2)) * error
    return AutocorrelatedSlope(slope, slope - margin, slope + margin, n / inflation(residuals))


def _level_error(t: Floats, y: Floats) -> float:
    """Return the standard error of the slope when the noise around the trend is stationary."""
    index = centred_index(t.size)
    step = float(t[-1] - t[0]) / (t.size - 1)
    return math.sqrt(slope_variance(y) / float(index @ index)) / step


def _drift_error(t: Floats, y: Floats) -> float:
    """Return the standard error of the slope when the increments, not the values, are stationary."""
    duration = float(t[-1] - t[0])
    departures = np.diff(y) - np.diff(t) * float(y[-1] - y[0]) / duration
    n = departures.size
    phase = np.pi * (np.arange(n) + 0.5) / n
    cosines = np.cos(np.outer(np.arange(1, COSINES + 1), phase)) * math.sqrt(2 / n)
    long_run = float(np.mean((cosines @ departures) ** 2))
    return math.sqrt(_INTEGRATED_SLOPE * long_run * n) / duration
