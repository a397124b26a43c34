"""The whole analysis of one series: trend, slope, shape and verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from aging.stats.growth.exponent import Exponent
from aging.stats.growth.shape import Shape, classify_shape
from aging.stats.growth.sustained import FEWEST_RISES, Growth, assess_growth
from aging.stats.note import Note
from aging.stats.series.block_medians import block_medians
from aging.stats.series.prepared import Observed
from aging.stats.series.time_notes import time_notes
from aging.stats.series.validation import Floats, SeriesError, is_constant
from aging.stats.slope.interval import AutocorrelatedSlope, interval
from aging.stats.slope.minimum_detectable import minimum_detectable
from aging.stats.slope.sen import theil_sen
from aging.stats.trend_tests.series_har import SERIES_HAR

LEAST = 12
"""Fewest samples that are analyzed at all."""

FEWEST_EFFECTIVE = 20
"""Fewest independent samples' worth of data in which "no trend" means anything."""

_AFTER_WARMUP = Note("after_warmup", "The growth is sustained after a warm-up.")
_NO_NET_GROWTH = Note(
    "no_net_growth", "The trend rises, but there is no net growth since the start of load. Measure longer."
)
_NOT_SIGNIFICANT = Note("not_significant", "The slope estimate is positive, but the trend test is not significant.")
_STEP_SHARE = 0.5
_FINEST = 8_000

Verdict = Literal["aging", "bounded", "step", "cyclic", "stable", "inconclusive"]
Direction = Literal["increasing", "decreasing", "none"]


@dataclass(frozen=True, slots=True)
class Trend:
    """The trend of one series. Slopes are in the indicator's unit per second.

    ``p`` is two-sided, of the primary test; ``direction`` is "none" unless p <
    alpha. ``low`` and ``high`` bound ``slope`` at confidence 1 - alpha;
    ``late_slope`` is that of the window's second half. ``n`` counts samples,
    ``n_effective`` independent samples' worth. ``minimum_detectable`` is the
    smallest growth that would have been found with 80 % power, ``None`` where the
    indicator never moved, so that not even its resolution is known.
    ``exponent`` is the power of growth, where there is growth. ``notes`` are
    remarks, such as why a case is undecided.
    """

    p: float
    direction: Direction
    slope: float
    low: float
    high: float
    late_slope: float
    n: int
    n_effective: float
    shape: Shape
    verdict: Verdict
    minimum_detectable: float | None
    exponent: Exponent | None
    notes: tuple[Note, ...] = ()


def trend_test(t: ArrayLike, y: ArrayLike, alpha: float = 0.05) -> Trend:
    """Analyze ``y`` at ``t`` seconds since the start of load, both shape (n,), n >= 12; warm-up already dropped.

    ``t[0]`` may and, after a warm-up, should be greater than 0: whether growth is
    sustained is judged against the time since load began. The verdict is
    ``aging`` when there is a rising trend (the series-HAR test on ranks) and that
    growth is sustained; ``bounded`` when a constant rate of growth is refuted;
    ``step`` and ``cyclic`` by shape; ``stable`` when there is no rising trend and
    data enough to tell; otherwise ``inconclusive``. Unsorted times are sorted,
    values that share a time replaced by their median. For an indicator that ages
    downwards, pass ``-y``.

    Raises :class:`~aging.stats.SeriesError`, a ``ValueError``, for a series that
    is too short or holds NaN or infinities, and for an ``alpha`` outside (0, 1).
    """
    return analyze(Observed.of(t, y, least=LEAST), alpha, t)


def analyze(series: Observed, alpha: float = 0.05, given: ArrayLike | None = None) -> Trend:
    """As :func:`trend_test`, for a series of which other tests share what they compute.

    ``given``: its times as they were before they were sorted, if they were.
    """
    if not 0 < alpha < 1:
        raise SeriesError(f"alpha must lie between 0 and 1, not {alpha}")
    times, values, n = series.at_least(LEAST).t, series.y, series.n
    remarks = time_notes(times if given is None else given, times)
    if is_constant(values):
        return Trend(
            p=1.0,
            direction="none",
            slope=0.0,
            low=0.0,
            high=0.0,
            late_slope=0.0,
            n=n,
            n_effective=float(n),
            shape="constant",
            verdict="stable",
            minimum_detectable=None,
            exponent=None,
            notes=remarks,
        )
    result = SERIES_HAR.on(series)
    direction: Direction = "none" if result.p >= alpha else "increasing" if result.s > 0 else "decreasing"
    slope = interval(series, 1 - alpha)
    shape = classify_shape(times, values)
    growth = assess_growth(times, values) if direction == "increasing" else None
    verdict, notes = _verdict_on_growth(shape, growth) if growth else _verdict_without(direction, shape, slope)
    return Trend(
        p=result.p,
        direction=direction,
        slope=slope.slope,
        low=slope.low,
        high=slope.high,
        late_slope=_late_slope(times, values),
        n=n,
        n_effective=slope.n_effective,
        shape=shape,
        verdict=verdict,
        minimum_detectable=_detectable(times, values, slope, alpha),
        exponent=growth.exponent if growth else None,
        notes=notes + remarks,
    )


def _verdict_on_growth(shape: Shape, growth: Growth) -> tuple[Verdict, tuple[Note, ...]]:
    notes = (growth.reason,) if growth.reason else ()
    if shape == "step" and growth.largest_share >= _STEP_SHARE:
        return "step", notes
    if growth.sustained and not _slows(shape, growth):
        return "aging", (_AFTER_WARMUP,) if growth.decision == "sustained after warm-up" else ()
    if growth.sustained or growth.decision == "decelerating":
        return "bounded", notes
    return "inconclusive", notes or (_NO_NET_GROWTH,)


def _slows(shape: Shape, growth: Growth) -> bool:
    """Two witnesses: a constant rate lies outside the exponent's interval, and the shape flattens as well."""
    return growth.exponent is not None and growth.exponent.high < 1 and shape in {"saturating", "decelerating"}


def _verdict_without(
    direction: Direction, shape: Shape, slope: AutocorrelatedSlope
) -> tuple[Verdict, tuple[Note, ...]]:
    if shape == "step":
        return "step", ()
    if shape == "cyclic":
        return "cyclic", ()
    if direction == "none" and slope.n_effective < FEWEST_EFFECTIVE:
        factor = FEWEST_EFFECTIVE / slope.n_effective
        worth = f"The series is worth {slope.n_effective:.1f} independent samples; {FEWEST_EFFECTIVE} are needed."
        return "inconclusive", (Note("few_effective", f"{worth} Measure about {factor:.1f} times longer."),)
    if direction == "none" and slope.low > 0:
        return "inconclusive", (_NOT_SIGNIFICANT,)
    return "stable", ()


def _late_slope(t: Floats, y: Floats) -> float:
    return theil_sen(*block_medians(t[t.size // 2 :], y[t.size // 2 :], _FINEST))


def _detectable(t: Floats, y: Floats, slope: AutocorrelatedSlope, alpha: float) -> float:
    """The interval's answer, but no less than the ten smallest steps of the indicator that sustained growth takes."""
    moves = np.abs(np.diff(y))
    resolution = float(moves[moves > 0].min())
    by_interval = minimum_detectable((slope.high - slope.low) / 2, alpha)
    return max(by_interval, FEWEST_RISES * resolution / float(t[-1] - t[0]))
