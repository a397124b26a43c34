"""What a rejuvenation did to the level and the growth of an indicator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.stats import theilslopes

from aging.core.metrics import ages_downwards, resolution
from aging.findings.indicator_analysis import IndicatorAnalysis
from aging.findings.series import Floats
from aging.findings.series_analysis import SeriesAnalysis, series_analysis
from aging.findings.types import LevelChange
from aging.stats import SeriesError, median_grid

_HOUR = 3600.0
_AROUND_SECONDS, _AFTER_SECONDS = 10.0, 60.0
_FEWEST = 5
"""Samples of a level."""

_SHARE = 0.1
"""Of the time to the next rejuvenation, where that is short, a level is of this part."""

_MOST_POINTS = 500
"""Of a series whose growth is computed here."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Growth an hour, with its 95 % interval."""

    per_hour: float
    low: float
    high: float


Rates = Mapping[tuple[int, str], Rate]
"""By generation and indicator, of one run."""


@dataclass(frozen=True)
class Levels:
    """The samples of one indicator of a run: monotonic times, values and generations, shape (n,), in order of time."""

    indicator: str
    t: Floats
    y: Floats
    generation: Floats

    def between(self, begin: float, end: float, generation: int | None = None) -> tuple[Floats, Floats]:
        """Times and values of a stretch, of one generation."""
        first, last = np.searchsorted(self.t, (begin, end), side="left")
        t, y = self.t[first:last], self.y[first:last]
        if generation is None:
            return t, y
        own = self.generation[first:last] == generation
        return t[own], y[own]


@dataclass(frozen=True, slots=True)
class Neighbors:
    """A rejuvenation between the end of the one before and the begin of the next, in monotonic seconds."""

    since: float
    begin: float
    end: float
    until: float
    generation_before: int
    generation_after: int | None


def rates_of(analyzed: Sequence[IndicatorAnalysis], deployment: str, replica: int) -> dict[tuple[int, str], Rate]:
    """The growth of every series of a run, as it was analyzed."""
    found = {}
    for one in analyzed:
        series = one.series
        if (series.owner, series.replica) == (deployment, replica) and (rate := _rate(one.result)) is not None:
            downwards = ages_downwards(series.indicator)  # its trend is that of its negative
            low, high = (-rate.high, -rate.low) if downwards else (rate.low, rate.high)
            signed = Rate(-rate.per_hour if downwards else rate.per_hour, low, high)
            found[series.generation, series.indicator] = signed
    return found


def _rate(result: SeriesAnalysis) -> Rate | None:
    trend = result.trend
    if trend is None:
        return None
    if (current := trend.current) is not None:
        pace = trend.per_second * _HOUR
        return Rate(current.rate * pace, current.low * pace, current.high * pace)
    return Rate(trend.slope * _HOUR, trend.low * _HOUR, trend.high * _HOUR)


def change(levels: Levels, around: Neighbors, rates: Rates) -> LevelChange:
    """What a rejuvenation did to an indicator. ``rates`` are those of generations that it and others separate."""
    before = _last(levels, around)
    after = None if around.generation_after is None else _first(levels, around)
    freed = None if before is None or after is None else before - after
    renewed = around.generation_before != around.generation_after
    earlier, later = (
        (
            rates.get((around.generation_before, levels.indicator)),
            None if around.generation_after is None else rates.get((around.generation_after, levels.indicator)),
        )
        if renewed
        else (
            _own_rate(levels, around.since, around.begin, around.generation_before),
            _own_rate(levels, around.end, around.until, around.generation_before),
        )
    )
    back, measured = (
        (None, False) if before is None or not freed or freed <= 0 else _back(levels, around, before, later)
    )
    return LevelChange(
        indicator=levels.indicator,
        before=before,
        after=after,
        freed=freed,
        rate_before_per_hour=None if earlier is None else earlier.per_hour,
        ci_before_per_hour=None if earlier is None else (earlier.low, earlier.high),
        rate_after_per_hour=None if later is None else later.per_hour,
        ci_after_per_hour=None if later is None else (later.low, later.high),
        back_hours=back,
        back_measured=measured,
    )


def _last(levels: Levels, around: Neighbors) -> float | None:
    """The level at the begin: of the last ten seconds, or of five samples where those take longer."""
    t, y = levels.between(around.since, around.begin, around.generation_before)
    if not t.size:
        return None
    count = max(int(np.count_nonzero(t >= around.begin - _AROUND_SECONDS)), _FEWEST)
    return _at_edge(t[-count:], y[-count:], around.begin)


def _first(levels: Levels, around: Neighbors) -> float | None:
    """The level after: of the first minute of a new generation, whose start is not over at once; else at the end."""
    t, y = levels.between(around.end, around.until, around.generation_after)
    if not t.size:
        return None
    if around.generation_after == around.generation_before:
        count = max(int(np.count_nonzero(t <= around.end + _AROUND_SECONDS)), _FEWEST)
        return _at_edge(t[:count], y[:count], around.end)
    seconds = min(_AFTER_SECONDS, _SHARE * (float(t[-1]) - around.end))
    early = y[t <= around.end + seconds]
    return float(np.median(early if early.size >= _FEWEST else y[:_FEWEST]))


def _at_edge(t: Floats, y: Floats, edge: float) -> float:
    """The level at time ``edge`` by the Theil-Sen line through samples on one side of it.

    Their median would be that of some seconds earlier or later, in which a fast leak hides what came back.
    """
    if t.size < _FEWEST:
        return float(np.median(y))
    slope = theilslopes(y, t)[0]
    return float(np.median(y + slope * (edge - t)))


def _back(levels: Levels, around: Neighbors, before: float, rate: Rate | None) -> tuple[float | None, bool]:
    """Hours after its end until the level ``before`` is reached again, and whether that was seen."""
    t, y = levels.between(around.end, around.until, around.generation_after)
    if t.size < _FEWEST:
        return None, False
    medians = np.median(sliding_window_view(y, _FEWEST), axis=1)
    reached = np.flatnonzero(medians >= before)
    if reached.size:
        return float(t[reached[0] + _FEWEST // 2] - around.end) / _HOUR, True
    if rate is None or rate.low <= 0:
        return None, False
    last = float(t[-1] - around.end) / _HOUR
    return last + max(before - float(medians[-1]), 0.0) / rate.per_hour, False


def _own_rate(levels: Levels, begin: float, end: float, generation: int) -> Rate | None:
    """The growth of a stretch of one generation, on a grid of at most 500 cells."""
    t, y = levels.between(begin, end, generation)
    if t.size < _FEWEST:
        return None
    span = float(t[-1] - t[0])
    least = resolution(levels.indicator, float(np.median(np.abs(y))))
    try:
        at, medians = median_grid(t - t[0], y, max(span / _MOST_POINTS, 2 * float(np.median(np.diff(t)))))
    except SeriesError:
        return None
    return _rate(series_analysis(at, medians, {}, None, least, brief=True))
