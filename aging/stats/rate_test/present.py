"""The present rate of a series: the slope of a part at its end in which the rate does not change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from aging.stats.growth.staircase import staircase
from aging.stats.noise.autoregression import Autoregression, autoregressive_autocorrelation
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
_LEAST_ERROR = 0.01
_OPEN = 0.1
_COLLECTED, _FEWEST_FLOORS, _ENDED = 0.3, 4, 2.0
_OFF, _NORMAL, _LAST = 6.0, 0.6745, 5
_FITTED_DRIFT = 6 / 5


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a series from ``start`` on: its least-squares rate per unit of the axis, and the rate's errors.

    ``drifts``: the noise is of growth in separate amounts, not of the level. ``jump`` is the largest step of a
    staircase in it, 0 where growth comes in no steps; ``quantum`` the smallest change of the series;
    ``freedom`` the degrees of freedom of the error.
    """

    start: float
    span: float
    rate: float
    noise_error: float
    drifts: bool
    jump: float
    quantum: float
    freedom: int = COSINES

    @property
    def error(self) -> float:
        """The error that noise makes, but no less than what one smallest change does, nor than 1 % of the rate.

        Equal servers differ by more.
        """
        return max(self.noise_error, self.quantum / self.span, _LEAST_ERROR * abs(self.rate))

    def error_at(self, span: float) -> float:
        """The error of a window of this ``span``, as noise of either kind lets it shrink."""
        shrinks = (self.span / span) ** (0.5 if self.drifts else 1.5)
        return max(self.noise_error * float(shrinks), self.quantum / span, _LEAST_ERROR * abs(self.rate))

    def margin(self, level: float) -> float:
        """Half the width of the interval whose ends are each missed with probability ``level``."""
        return max(self.quantile(level) * self.error, self.jump / self.span)

    def quantile(self, level: float) -> float:
        """How many errors are exceeded with probability ``level``."""
        return float(stdtrit(self.freedom, 1 - level))


def present(x: Floats, y: Floats, resolution: float = 0.0) -> Window:
    """Return the window of the present rate of ``y`` at increasing ``x``, both shape (n,), n >= 20.

    Windows begin ever later and all end with the series. Of those whose rate no later window contradicts by more than
    twice its own error (Lepski's rule, 1990), the one that shows most: with the least sum of its error and of the rate
    that ``resolution`` hides. A warm-up, a step, or the time before a cache is full ends there.
    """
    moves = np.abs(np.diff(y))
    quantum = float(moves[moves > 0].min()) if moves.any() else 0.0
    first, extent = float(x[0]), float(x[-1] - x[0])
    fallen = collections(y)
    if fallen.size:
        return _of_floors(x[fallen], y[fallen], quantum, resolution)
    windows: list[Window] = []
    for share in _STARTS:
        kept = int(np.searchsorted(x, first + share * extent))
        if x.size - kept < _LEAST:
            break
        windows.append(_window(x[kept:], y[kept:], quantum))
    return _steadiest(windows, resolution)


def _steadiest(windows: Sequence[Window], resolution: float) -> Window:
    steady = [
        window
        for k, window in enumerate(windows)
        if all(abs(window.rate - later.rate) <= _ALIKE * later.error for later in windows[k + 1 :])
    ]
    return min(steady, key=lambda window: window.error + resolution / window.span)


def collections(y: Floats) -> NDArray[np.intp]:
    """Return the samples just after memory was given back: after single falls of 30 % of the range of ``y``, (n,).

    None where such falls are fewer than four or more than a quarter of all steps, make less than half of all falls
    (noise), or have ended: the last one is longer ago than twice the longest time between two.
    """
    steps = np.diff(y)
    large = np.flatnonzero(steps < -_COLLECTED * np.ptp(y))
    if not _FEWEST_FLOORS <= large.size <= steps.size / 4:
        return large[:0]
    most = -float(steps[large].sum()) >= -float(steps[steps < 0].sum()) / 2
    goes_on = steps.size - large[-1] <= _ENDED * np.diff(large).max()
    return large + 1 if most and goes_on else large[:0]


def _of_floors(x: Floats, y: Floats, quantum: float, resolution: float) -> Window:
    """The window of the levels after collections, ``y`` at ``x``; the first of them may belong to a warm-up."""
    windows = []
    for skipped in range(x.size - _FEWEST_FLOORS + 1):
        places, levels = x[skipped:], y[skipped:]
        span = float(places[-1] - places[0])
        centred = places - places.mean()
        spread = float(centred @ centred)
        rate = float(centred @ levels) / spread
        residuals = levels - levels.mean() - rate * centred
        error = math.sqrt(float(residuals @ residuals) / (places.size - 2) / spread)
        windows.append(Window(float(places[0]), span, rate, error, False, 0.0, quantum, places.size - 2))
    return _steadiest(windows[:: max(len(windows) // len(_STARTS), 1)], resolution)


def least_rate_at(x: Floats, y: Floats, window: Window, end: float) -> float:
    """Return the rate that growth in ``window`` of ``y`` at ``x`` has at ``end`` if it slows down as fast as it may.

    The rates of both halves of the window bound how fast it slows down, each at 90 % on one side: as a cache of random
    keys that fills, whose rate falls exponentially. 0 where the rate of the second half may be 0.
    """
    inside = x >= window.start
    x, y = x[inside], y[inside]
    middle = int(np.searchsorted(x, window.start + window.span / 2))
    if min(middle, x.size - middle) < _LEAST:
        return 0.0
    first, second = _window(x[:middle], y[:middle], window.quantum), _window(x[middle:], y[middle:], window.quantum)
    early = first.rate + first.quantile(_OPEN) * first.error
    late = second.rate - second.quantile(_OPEN) * second.error
    if late <= 0:
        return 0.0
    slows = max(math.log(max(early, late) / late), 0.0) / (window.span / 2)
    return second.rate * math.exp(-slows * (end - float(x[-1]) + second.span / 2))


def _window(x: Floats, y: Floats, quantum: float) -> Window:
    steps = staircase(x - x[0] + 1.0, y)
    jump = 0.0 if steps is None else float(np.diff(y).max())
    span = float(x[-1] - x[0])
    places, levels = block_medians(x, y, _BLOCKS)
    centred = places - places.mean()
    rate = float(centred @ levels) / float(centred @ centred)
    residuals = levels - levels.mean() - rate * centred
    usual = _usual(residuals, quantum)
    if not usual.all():
        places, levels = places[usual], levels[usual]
        centred = places - places.mean()
        rate = float(centred @ levels) / float(centred @ centred)
        residuals = levels - levels.mean() - rate * centred
    if np.ptp(levels) == 0:
        return Window(float(x[0]), span, 0.0, 0.0, False, jump, quantum)
    if is_zero(residuals, float(np.ptp(levels))):
        return Window(float(x[0]), span, rate, 0.0, False, jump, quantum)
    noise = models(detrend(residuals)[1])
    drifts = noise[1].may_be_integrated
    error = _drift_error(places, levels) if drifts else _level_error(centred, residuals, noise)
    return Window(float(x[0]), span, rate, error, drifts, jump, quantum)


def _usual(residuals: Floats, quantum: float) -> NDArray[np.bool_]:
    """Which residuals belong to the series: not a spike, or a dip while there was no load, that has ended again.

    At most a tenth of all, each six spreads (of their median size) off, and none of the last.
    """
    sizes = np.abs(residuals - np.median(residuals))
    off = sizes > _OFF * max(float(np.median(sizes)) / _NORMAL, quantum)
    return ~off if np.count_nonzero(off) <= off.size / 10 and not off[-_LAST:].any() else np.ones(off.size, dtype=bool)


def _level_error(centred: Floats, residuals: Floats, noise: Sequence[Autoregression]) -> float:
    """The error under stationary noise of the level (:mod:`aging.stats.noise.har_variance`)."""
    left = detrend(residuals)[1]
    variance = slope_variance(left, (autoregressive_autocorrelation(one.phi, left.size) for one in noise))
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
