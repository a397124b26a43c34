"""The rate at which a series grows now: after its warm-up, with limits, and beside the rate it had before."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from aging.stats.growth.evidence import Evidence, block_growth, is_noise_of_level
from aging.stats.growth.staircase import Staircase
from aging.stats.noise.har_variance import COSINES
from aging.stats.series.block_medians import block_medians
from aging.stats.series.prepared import Observed
from aging.stats.series.validation import Floats
from aging.stats.slope.interval import interval

_STEADY, _LEAN = 0.65, 0.9
"""Least share of the rate of a window's first half that the second half has where the window has one rate."""
_CONFIDENCE = 0.95
_FINEST = 2_000


@dataclass(frozen=True, slots=True)
class CurrentRate:
    """Growth per unit of the axis from ``start`` to the end of the series, with 95 % limits.

    ``share`` bounds the rate of the second half as a part of the first half's, over the series without its first
    twentieth (Fieller 1954); infinite where the data do not bound it. ``by_steps``: the rate is that of a staircase.
    """

    start: float
    rate: float
    low: float
    high: float
    share: tuple[float, float]
    by_steps: bool = False


def current_rate(windows: Sequence[Evidence], steps: Staircase | None) -> CurrentRate:
    """Return the rate of the longest window in which the rate does not fall, of steps where they make the growth.

    A change of the rate ends the warm-up: windows that begin ever later are tried until a constant rate is not
    refuted. What is left of the warm-up there is allowed for: the limits include those of the line beneath it.
    Where the end does not grow any more, 0 is among the limits. ``windows`` must not be empty.
    """
    shown = rate_shown(windows, steps)
    whole = windows[0]
    if shown.by_steps or whole.noisy or (shown.start == whole.start and whole.late > _LEAN * whole.early):
        return shown
    line = whole.line
    if line is None or (shown.start == whole.start and line.low <= shown.rate <= line.high):
        return shown
    return replace(shown, low=min(shown.low, line.low), high=max(shown.high, line.high))


def rate_shown(windows: Sequence[Evidence], steps: Staircase | None) -> CurrentRate:
    """Return the same without an allowance for what is left of a warm-up."""
    share = windows[0].share
    if steps is not None and steps.goes_on and steps.largest < 0.5:
        return CurrentRate(windows[0].start, steps.rate, steps.low, steps.high, share, by_steps=True)
    chosen = next((one for one in windows if _steady(one)), windows[-1])
    rate, margin = _mean_growth(chosen.x, chosen.y)
    if margin is None:
        x, y = block_medians(chosen.x, chosen.y, _FINEST)
        found = interval(Observed.of(x, y), _CONFIDENCE)
        rate, margin = found.slope, (found.high - found.low) / 2
    margin = max(margin, _quantum(windows[0].y) / chosen.span)
    low = min(rate - margin, 0.0) if chosen.stopped and rate > 0 else rate - margin
    return CurrentRate(chosen.start, rate, low, rate + margin, share)


def _mean_growth(x: Floats, y: Floats) -> tuple[float, float | None]:
    """The mean growth and its margin from the slow cosines of the growth of blocks; no margin for a noisy level."""
    width, grown = block_growth(x, y)
    rate = float(grown.mean())
    if is_noise_of_level(grown):
        return rate / width, None
    phase = np.pi * (np.arange(grown.size) + 0.5) / grown.size
    cosines = np.sqrt(2 / grown.size) * np.cos(np.outer(np.arange(1, COSINES + 1), phase))
    error = math.sqrt(float(np.mean((cosines @ (grown - rate)) ** 2)) / grown.size)
    return rate / width, float(stdtrit(COSINES, (1 + _CONFIDENCE) / 2)) * error / width


def _quantum(y: Floats) -> float:
    moves = np.abs(np.diff(y))
    return float(moves[moves > 0].min()) if moves.any() else 0.0


def _steady(window: Evidence) -> bool:
    return not window.slows and window.late > _STEADY * window.early
