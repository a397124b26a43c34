"""How a series may go on: its level, its rate with limits, and the powers of time that it does not exclude."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv

from aging.stats.growth.axis import Axis
from aging.stats.growth.exponent import Exponent, growth_exponent
from aging.stats.growth.sawtooth import is_sawtooth
from aging.stats.growth.staircase import FEWEST_STEPS, Staircase
from aging.stats.growth.sustained import Growth
from aging.stats.slope.interval import AutocorrelatedSlope

_WARMUP = 0.05
_CERTAIN = 0.995
"""Above 0.975: the sizes of a few steps are uncertain as well as their number."""


@dataclass(frozen=True, slots=True)
class Course:
    """A series at its end. Times in seconds since the start of load, rates in the indicator's unit per second.

    ``level`` is the highest of its last half. ``rate`` with ``low`` and ``high`` is the growth from ``start`` to
    ``end``; ``high`` is no less than what may have grown unseen: the resolution in the whole of the ``span`` that was
    observed, and steps as often as their number allows (the upper 99.5 % limit of a Poisson count, Garwood 1936).
    ``power`` bounds the power of growth over the same time; None where it is not known.
    """

    level: float
    rate: float
    low: float
    high: float
    start: float
    end: float
    span: float
    power: Exponent | None


def course(axis: Axis, growth: Growth, slope: AutocorrelatedSlope | None, resolution: float) -> Course | None:
    """Return how the series on ``axis`` may go on, or None of one that never moved and has no known resolution.

    ``slope``, of the whole series, stands in for a current rate that is not known; None of a constant series.
    """
    span = float(axis.seconds[-1] - axis.seconds[0])
    level, unseen = float(axis.y[axis.y.size // 2 :].max()), resolution / span
    current = growth.current
    if current is None:
        if slope is None and resolution == 0:
            return None
        rate, low, high = (0.0, 0.0, 0.0) if slope is None else (slope.slope, slope.low, slope.high)
        return Course(level, rate, low, max(high, unseen), float(axis.seconds[0]), float(axis.seconds[-1]), span, None)
    pace = axis.per_second
    high = max(current.high, _rare_steps(axis, growth.steps)) * pace
    start, end = current.start / pace, float(axis.x[-1]) / pace
    power = _power(axis, growth, current.start)
    least = unseen if current.high >= 0 else 0.0  # what clearly falls does not grow unseen
    return Course(level, current.rate * pace, current.low * pace, max(high, least), start, end, span, power)


def _rare_steps(axis: Axis, steps: Staircase | None) -> float:
    """The most that a few steps let the series grow per unit of its axis; 0 where it has no steps, or many."""
    if steps is None or (steps.steps >= FEWEST_STEPS and steps.largest < 1 / 2):
        return 0.0
    kept = axis.x >= axis.x[0] + _WARMUP * (axis.x[-1] - axis.x[0])
    moves = np.diff(axis.y[kept])
    most = float(gammaincinv(steps.steps + 1, _CERTAIN))
    return most / steps.steps * float(moves[moves > 0].sum()) / float(np.ptp(axis.x[kept]))


def _power(axis: Axis, growth: Growth, start: float) -> Exponent | None:
    """The power of growth from ``start`` on; of a whole series without a warm-up, and of a sawtooth, it is known."""
    if math.isclose(start, float(axis.x[0]) + _WARMUP * float(np.ptp(axis.x)), rel_tol=0.01) or is_sawtooth(axis.y):
        return growth.exponent
    return growth_exponent(axis.x, axis.y, start)
