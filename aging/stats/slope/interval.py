"""Sen's slope with an interval that autocorrelation does not shrink."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import stdtrit

from aging.stats.noise.autoregression import Autoregression, autoregressive_autocorrelation
from aging.stats.noise.har_variance import COSINES, slope_variance
from aging.stats.noise.models import centred_index, detrend, inflation, is_zero, models
from aging.stats.series.lengths import LEAST_FOR_INTERVAL
from aging.stats.series.prepared import Observed
from aging.stats.series.validation import Floats, SeriesError
from aging.stats.slope.sen import Slope, limiting_ranks, middle_ranks

_SATURATED = 0.9
_STEEP = 0.5
_INTEGRATED_SLOPE = 6 / 5


@dataclass(frozen=True, slots=True)
class AutocorrelatedSlope(Slope):
    """A slope per second with its limits, how many independent samples the series is worth, and the degrees of freedom
    of the Student t that set the limits; infinite where the series has no noise.
    """

    n_effective: float
    freedom: float


def sen_slope_autocorrelated(t: ArrayLike, y: ArrayLike, confidence: float = 0.95) -> AutocorrelatedSlope:
    """Return Sen's slope of ``y`` against ``t`` (seconds), both shape (n,), n >= 12, with honest limits.

    Limits are the slopes of rank (N -+ C) / 2 with C = t sqrt(var S * I): I is
    Hamed and Rao's inflation under a bias-corrected AR model of the rank
    residuals, t Student's with n/I - 2 degrees of freedom. Where Kendall's tau is
    beyond 1/2, ranks are squeezed at both ends and hide how long the noise
    remembers: the residuals are those of the values then (AR(1) 0.9, n = 60:
    coverage 0.83 with ranks, 0.95 so).

    Where tau is beyond 0.9, the ranks lie on a line whatever the noise, and no
    count of pairs shows its size: it is taken from the values. Noise that
    may be integrated, as that of a leak made of separate losses is (a unit root
    is not refused at 5 %), gives the limits of a drift: slope -+ t_8 sqrt(6/5 *
    lambda / n), lambda the long-run variance of the increments from eight
    cosines and 6/5 what a fitted slope pays over the mean increment (Durlauf and
    Phillips 1988). Other noise gives the limits at which the primary test, on
    values and with eight cosines, would refuse the slope.
    Raises :class:`~aging.stats.SeriesError`.

    Noise that remembers (AR(1), coefficient 0.9) without a trend: 216 samples are worth ten, and the limits contain 0.

    >>> from aging.stats import sen_slope
    >>> noise = np.zeros(216)
    >>> for i, shock in enumerate(np.random.default_rng(5).normal(size=215), 1):
    ...     noise[i] = 0.9 * noise[i - 1] + shock
    >>> honest, usual = sen_slope_autocorrelated(range(216), noise), sen_slope(range(216), noise)
    >>> round(honest.low, 3), round(honest.slope, 3), round(honest.high, 3), round(honest.n_effective)
    (-0.017, 0.018, 0.051, 10)
    >>> round(usual.low, 3), round(usual.high, 3)
    (0.013, 0.023)
    """
    return interval(Observed.of(t, y, least=LEAST_FOR_INTERVAL), confidence)


def interval(series: Observed, confidence: float) -> AutocorrelatedSlope:
    """As :func:`sen_slope_autocorrelated`."""
    if not 0 < confidence < 1:
        raise SeriesError(f"confidence must lie between 0 and 1, not {confidence}")
    n, found = series.n, series.ranked
    tau = abs(found.s) / (n * (n - 1) / 2)
    if tau > _SATURATED:
        return _of_values(series, confidence)
    widening = _value_inflation(series) if tau > _STEEP else series.rank_inflation
    freedom = max(n / widening - 2, 1.5)
    half_width = float(stdtrit(freedom, (1 + confidence) / 2)) * math.sqrt(found.variance * widening)
    limits = limiting_ranks(n, half_width)
    low, high, *_ = series.slopes([*limits, *middle_ranks(n)])
    return AutocorrelatedSlope(series.sen_slope, low + 0.0, high + 0.0, n / widening, freedom)


def _of_values(series: Observed, confidence: float) -> AutocorrelatedSlope:
    t, y, n, slope = series.t, series.y, series.n, series.sen_slope
    _, residuals = detrend(y)
    if is_zero(residuals, float(np.ptp(y))):
        return AutocorrelatedSlope(slope, slope, slope, float(n), math.inf)
    noise = models(residuals)
    error = _drift_error(t, y) if noise[1].may_be_integrated else _level_error(t, residuals, noise)
    margin = float(stdtrit(COSINES, (1 + confidence) / 2)) * error
    worth = n / inflation(autoregressive_autocorrelation(noise[1].phi, n))
    return AutocorrelatedSlope(slope, slope - margin, slope + margin, worth, float(COSINES))


def _value_inflation(series: Observed) -> float:
    """As the ranks' inflation, of the values around their line; 1 where they lie on it."""
    _, residuals = detrend(series.y)
    if is_zero(residuals, float(np.ptp(series.y))):
        return 1.0
    return inflation(autoregressive_autocorrelation(models(residuals)[1].phi, series.n))


def _level_error(t: Floats, residuals: Floats, noise: Sequence[Autoregression]) -> float:
    """Return the standard error of the slope when the noise around the trend is stationary."""
    index = centred_index(t.size)
    step = float(t[-1] - t[0]) / (t.size - 1)
    rhos = (autoregressive_autocorrelation(model.phi, t.size) for model in noise)
    return math.sqrt(slope_variance(residuals, rhos) / float(index @ index)) / step


def _drift_error(t: Floats, y: Floats) -> float:
    """Return the standard error of the slope when the increments, not the values, are stationary."""
    duration = float(t[-1] - t[0])
    departures = np.diff(y) - np.diff(t) * float(y[-1] - y[0]) / duration
    n = departures.size
    phase = np.pi * (np.arange(n) + 0.5) / n
    long_run = float(np.mean([(np.cos(j * phase) @ departures) ** 2 for j in range(1, COSINES + 1)])) * 2 / n
    return math.sqrt(_INTEGRATED_SLOPE * long_run * n) / duration
