"""The present rate of a series: the slope of the longest part at its end in which the rate does not change."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from aging.stats.growth.staircase import staircase
from aging.stats.noise.autoregression import autoregressive_autocorrelation
from aging.stats.noise.har_variance import COSINES, slope_variance
from aging.stats.noise.models import detrend, is_zero, models
from aging.stats.series.block_medians import block_medians
from aging.stats.series.validation import Floats

FEWEST = 20
"""Fewest samples from which a rate is taken."""

_STARTS = (0.04, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
_LEAST = 12
_BLOCKS = 120
_ALIKE = 2.0
_FITTED_DRIFT = 6 / 5


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a series from ``start`` on: its least-squares rate per unit of the axis, and the rate's errors.

    ``level_error`` is that of noise of the level, ``drift_error`` that of growth in separate amounts; ``jump`` the
    largest step of a staircase in it, 0 where growth comes in no steps; ``quantum`` the smallest change of the series.
    """

    start: float
    span: float
    rate: float
    level_error: float
    drift_error: float
    jump: float
    quantum: float

    @property
    def error(self) -> float:
        """The larger of both errors, but no less than what one smallest change makes."""
        return max(self.level_error, self.drift_error, self.quantum / self.span)

    def error_at(self, span: float) -> float:
        """The error of a window of this ``span``, as noise of either kind lets it shrink."""
        shrinks = (self.span / span) ** (0.5 if self.drifts else 1.5)
        return max(max(self.level_error, self.drift_error) * float(shrinks), self.quantum / span)

    @property
    def drifts(self) -> bool:
        """Whether the noise is of the growth, not of the level."""
        return self.drift_error > self.level_error

    def margin(self, level: float) -> float:
        """Half the width of the interval whose ends are each missed with probability ``level``."""
        return max(float(stdtrit(COSINES, 1 - level)) * self.error, self.jump / self.span)


def present(x: Floats, y: Floats) -> Window:
    """Return the window of the present rate of ``y`` at increasing ``x``, both shape (n,), n >= 20.

    Windows begin ever later and all end with the series. Lepski's rule (1990): the longest whose rate no later window
    contradicts by more than twice its own error. A warm-up, a step, or the time before a cache is full ends there.
    """
    moves = np.abs(np.diff(y))
    quantum = float(moves[moves > 0].min()) if moves.any() else 0.0
    first, extent = float(x[0]), float(x[-1] - x[0])
    windows = []
    for share in _STARTS:
        kept = int(np.searchsorted(x, first + share * extent))
        if x.size - kept < _LEAST:
            break
        windows.append(_window(x[kept:], y[kept:], quantum))
    for k, window in enumerate(windows):
        if all(abs(window.rate - later.rate) <= _ALIKE * later.error for later in windows[k + 1 :]):
            return window
    return windows[-1]


def _window(x: Floats, y: Floats, quantum: float) -> Window:
    steps = staircase(x - x[0] + 1.0, y)
    jump = 0.0 if steps is None else float(np.diff(y).max())
    span = float(x[-1] - x[0])
    places, levels = block_medians(x, y, _BLOCKS)
    centred = places - places.mean()
    rate = float(centred @ levels) / float(centred @ centred)
    residuals = levels - levels.mean() - rate * centred
    if is_zero(residuals, max(float(np.ptp(y)), 1e-300)):
        return Window(float(x[0]), span, rate, 0.0, 0.0, jump, quantum)
    return Window(
        float(x[0]), span, rate, _level_error(centred, residuals), _drift_error(places, levels), jump, quantum
    )


def _level_error(centred: Floats, residuals: Floats) -> float:
    """The error under stationary noise of the level (:mod:`aging.stats.noise.har_variance`)."""
    _, left = detrend(residuals)
    noise = models(left)[1]
    variance = slope_variance(left, [autoregressive_autocorrelation(noise.phi, left.size)])
    return math.sqrt(variance / float(centred @ centred))


def _drift_error(places: Floats, levels: Floats) -> float:
    """The error where the increments are stationary: of the mean increment, from its slow cosines."""
    span = float(places[-1] - places[0])
    departures = np.diff(levels) - np.diff(places) * float(levels[-1] - levels[0]) / span
    m = departures.size
    phase = np.pi * (np.arange(m) + 0.5) / m
    cosines = np.cos(np.outer(np.arange(1, COSINES + 1), phase))
    long_run = float(np.mean((cosines @ departures) ** 2)) * 2 / m
    return math.sqrt(_FITTED_DRIFT * long_run * m) / span
