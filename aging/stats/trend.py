"""The whole analysis of one series: trend, slope, shape, growth and verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from aging.stats.early_rise import rose_and_stands
from aging.stats.growth.axis import CLOCK, Axis, choose_axis
from aging.stats.growth.course import Course, course
from aging.stats.growth.current_rate import CurrentRate
from aging.stats.growth.exponent import Exponent
from aging.stats.growth.shape import Shape, classify_shape
from aging.stats.growth.staircase import Staircase
from aging.stats.growth.sustained import FEWEST_RISES, LEAST_GROWTH, Decision, Growth, assess_growth
from aging.stats.note import Note
from aging.stats.series.block_medians import block_medians
from aging.stats.series.prepared import Observed
from aging.stats.series.time_notes import time_notes
from aging.stats.series.validation import Floats, SeriesError, as_series, is_constant
from aging.stats.slope.interval import AutocorrelatedSlope, interval
from aging.stats.slope.minimum_detectable import minimum_detectable
from aging.stats.slope.sen import theil_sen
from aging.stats.trend_tests.series_har import SERIES_HAR
from aging.stats.verdict import FEWEST_EFFECTIVE, STEP_SHARE, Basis, Direction, Verdict, decide

__all__ = ["LEAST", "Direction", "Trend", "Verdict", "analyze", "trend_test"]

LEAST = 12
"""Fewest samples that are analyzed at all."""

_FINEST = 8_000
_PAGE = 4096.0
_PART = 8  # medians of an even number of samples lie between pages
_PAGES = 64
_PAGED_FROM = 1e6


@dataclass(frozen=True, slots=True)
class Trend:
    """The trend of one series. Slopes are in the indicator's unit per second.

    ``p`` is two-sided, of the primary test; ``direction`` is "none" unless p <
    alpha. ``low`` and ``high`` bound ``slope`` at confidence 1 - alpha;
    ``late_slope`` is that of the window's second half. ``n`` counts samples,
    ``n_effective`` independent samples' worth. ``minimum_detectable`` is the
    smallest growth that would have been found with 80 % power, ``None`` where the
    indicator never moved, so that not even its resolution is known.
    ``exponent`` is the power of growth on ``axis``, where there is growth.
    ``current`` is the growth per unit of ``axis`` after the warm-up, whatever the
    verdict, and ``per_second`` how far the axis moves a second. ``steps`` is the
    staircase where growth comes in steps. ``longer`` is how many seconds more give
    a verdict with a probability of 80 %, where growth is undecided. ``course`` is how
    the series may go on (:func:`~aging.stats.outlook`). ``notes`` are remarks, such as
    why a case is undecided.
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
    axis: str = CLOCK
    per_second: float = 1.0
    current: CurrentRate | None = None
    steps: Staircase | None = None
    longer: float | None = None
    course: Course | None = None


def trend_test(
    t: ArrayLike,
    y: ArrayLike,
    alpha: float = 0.05,
    *,
    work: Mapping[str, ArrayLike] | None = None,
    resolution: float | None = None,
) -> Trend:
    """Analyze ``y`` at ``t`` seconds since the start of load, both shape (n,), n >= 12.

    ``t[0]`` may and, after a warm-up, should be greater than 0: whether growth is
    sustained is judged against the time since load began, or against one of the
    cumulative counts in ``work`` (each shape (n,): requests, tokens) where that
    explains the growth better. ``resolution`` is the smallest change that
    matters, in the unit of ``y``: by default 256 KiB for values that are whole
    pages of memory in bytes, otherwise 0. The verdict follows from the rules of
    ``aging/stats/verdict.py``: a sustained fall is ``declining``. Unsorted times are sorted,
    values that share a time replaced by their median. For an indicator that ages
    downwards, pass ``-y``.

    Raises :class:`~aging.stats.SeriesError`, a ``ValueError``, for a series that
    is too short or holds NaN or infinities, and for an ``alpha`` outside (0, 1).

    Two hours of a leak of 64 KiB a minute, 3.75 MiB an hour, under waves of 256 KiB:

    >>> minutes = np.arange(120)
    >>> memory = 2**30 + 2**16 * minutes + 2**18 * np.cos(2.4 * minutes)
    >>> found = trend_test(60 * minutes, memory)
    >>> found.verdict, found.shape, found.n
    ('aging', 'linear', 120)
    >>> [round(3600 * rate / 2**20, 2) for rate in (found.low, found.slope, found.high)]  # MiB an hour
    [3.73, 3.75, 3.76]
    """
    return analyze(Observed.of(t, y, least=LEAST), alpha, t, work, resolution)


def analyze(  # noqa: PLR0913 - a series, and what is known and asked of it
    series: Observed,
    alpha: float = 0.05,
    given: ArrayLike | None = None,
    work: Mapping[str, ArrayLike] | None = None,
    resolution: float | None = None,
    *,
    brief: bool = False,
) -> Trend:
    """As :func:`trend_test`, for a series of which other tests share what they compute.

    ``given``: its times as they were before they were sorted, if they were; ``work`` belongs to those. ``brief`` leaves
    out what no verdict of aging needs: the power of growth, the course, the current rate of growth that is not
    sustained, and the growth of a series that does not rise, of which a growth that has ended is then ``stable``.
    """
    if not 0 < alpha < 1:
        raise SeriesError(f"alpha must lie between 0 and 1, not {alpha}")
    times, values, n = series.at_least(LEAST).t, series.y, series.n
    origin = times if given is None else given
    remarks = time_notes(origin, times)
    least = default_resolution(values) if resolution is None else resolution
    axis = choose_axis(times, values, _sorted_work(origin, work or {}))
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
            course=course(axis, Growth("flat"), None, least),
        )
    result = SERIES_HAR.on(series)
    direction: Direction = "none" if result.p >= alpha else "increasing" if result.s > 0 else "decreasing"
    slope = interval(series, 1 - alpha)
    settled = brief and direction != "increasing" and slope.low <= 0 and slope.n_effective >= FEWEST_EFFECTIVE
    growth = Growth("none") if settled else assess_growth(axis.x, axis.y, least, brief=brief)
    fall = assess_growth(axis.x, -axis.y, least) if direction == "decreasing" and not brief else None
    shape = (brief and _named_by_growth(growth, direction)) or classify_shape(times, values)
    unclear = shape == "cyclic" or slope.low > 0 or slope.n_effective < FEWEST_EFFECTIVE
    stands = direction == "none" and unclear and growth.steps is None and rose_and_stands(series, alpha, least)
    basis = Basis(direction, shape, growth, slope.low, slope.n_effective, float(times[-1] - times[0]), fall, stands)
    verdict, notes = decide(basis)
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
        minimum_detectable=_detectable(series, _margin(growth.current, axis, slope), alpha, least),
        exponent=growth.exponent,
        notes=notes + remarks,
        axis=axis.name,
        per_second=axis.per_second,
        current=growth.current,
        steps=growth.steps,
        longer=None if growth.longer is None else (growth.longer - 1) * basis.seconds,
        course=None if brief else course(axis, growth, slope, least),
    )


def _sorted_work(given: ArrayLike, work: Mapping[str, ArrayLike]) -> Mapping[str, Floats]:
    """The counts at the sorted, distinct times; a count is the median of those that share a time."""
    return {name: as_series(given, counted)[1] for name, counted in work.items()}


def default_resolution(y: Floats) -> float:
    """64 pages for values that are whole pages of memory in bytes, 0 for any other unit."""
    return _PAGES * _PAGE if in_pages(y) else 0.0


def in_pages(y: Floats) -> bool:
    """Whether values, shape (n,), n > 0, look like memory in bytes: whole pages, or medians of them, from 1 MB on."""
    return float(y.max()) > _PAGED_FROM and not np.any(np.mod(y, _PAGE / _PART))


_NAMED: Mapping[Decision, Shape] = {"flat": "constant", "settled": "saturating", "step": "step"}
_NAMED_IF_RISING: Mapping[Decision, Shape] = {"sustained": "linear", "decelerating": "decelerating"}


def _named_by_growth(growth: Growth, direction: Direction) -> Shape | None:
    """The shape that goes with a decision which no shape can change; None where the shape decides."""
    named = _NAMED.get(growth.decision)
    if named is None and direction == "increasing":
        undecided: Shape | None = "linear" if growth.largest < STEP_SHARE else None
        return _NAMED_IF_RISING.get(growth.decision, undecided)
    return named


def _late_slope(t: Floats, y: Floats) -> float:
    return theil_sen(*block_medians(t[t.size // 2 :], y[t.size // 2 :], _FINEST))


def _margin(current: CurrentRate | None, axis: Axis, slope: AutocorrelatedSlope) -> float:
    """Half of the narrower interval: of the slope, or of the current rate, per second."""
    half = (slope.high - slope.low) / 2
    return half if current is None else min(half, axis.per_second * (current.high - current.low) / 2)


def _detectable(series: Observed, margin: float, alpha: float, resolution: float) -> float:
    """The interval's answer, but no less than the growth that is called sustained, nor ten of the smallest steps."""
    moves = np.abs(np.diff(series.y))
    least = max(FEWEST_RISES * float(moves[moves > 0].min()), LEAST_GROWTH * resolution)
    return max(minimum_detectable(margin, alpha), least / float(series.t[-1] - series.t[0]))
