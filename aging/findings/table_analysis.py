"""The statistics of one series of a user's table: its generations, its direction, its limit, its verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from aging.core.format import readable_duration
from aging.core.metrics import resolution
from aging.findings.asked import NOTHING, USUAL_HORIZON, AskedOfSeries, Limit
from aging.findings.direction import Worse, worsens
from aging.findings.outlook import outlook_of
from aging.findings.series_analysis import SeriesAnalysis, series_analysis
from aging.findings.table_generations import Generation, Piece, by_age, pieces, pooled
from aging.findings.table_limits import End, end_of_growth
from aging.findings.table_restarts import falls_notes, restarts_of, with_siblings
from aging.findings.types import Outlook, Verdict
from aging.stats import (
    Exhaustion,
    SeriesError,
    Trend,
    drop_warmup,
    find_warmup,
    median_grid,
    origin_range,
    rate_cell,
    rate_grid,
    time_to_exhaustion,
)
from aging.stats.growth.acceleration import Acceleration, acceleration
from aging.stats.note import Note
from aging.stats.series.cycle import Cycle, clear_cycle, without_cycle
from aging.stats.series.generations import FEWEST_SAMPLES, Restart
from aging.stats.series.validation import as_values
from aging.stats.trend import default_resolution, in_pages
from aging.stats.trend_tests.base import TrendTest
from aging.stats.verdict import Direction
from aging.tables.series import Floats, TableSeries

_MINUTE, _HOUR = 60.0, 3600.0
_LAST, _FIRST = 5, 2
_WIDER = 1.5
_FILLS, _CLEAR = 2.0, 8.0
"""How many resolutions, and spreads of the later half, a series has to rise by to have filled."""

_OTHER_UNIT = re.compile(r"(^|[^a-z])([kmgt]i?b?|[kmgt]i?bytes|pages?|percent|count|total|seconds)$")
_UNIT_UNKNOWN = Note(
    "limit_unit",
    (
        "No outlook: the limit is a size, and nothing says that this series is in bytes. "
        "End the column's name with _bytes, or give the limit as a plain number in the unit of the series."
    ),
)


class Rate(NamedTuple):
    """A rate with its 95 % limits, per unit of the series' axis (a second, a request)."""

    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class TableAnalysis:
    """The analysis of a ``series`` as it was read.

    ``t`` and ``y``, both shape (n,), are what was judged: medians of a grid, without a warm-up, the rate of a counter.
    ``result`` has the signs of the series itself, also where ``worse`` is down; of several ``generations`` it is what
    they say together. ``end`` is how the growth ended; ``result`` is then of the climb. ``left`` are the seconds (or
    counts) until ``limit`` at the present rate. ``cycle`` was taken out before.
    ``asked_in_bytes``: the limit was given as a size.
    """

    series: TableSeries
    t: Floats
    y: Floats
    result: SeriesAnalysis
    verdict: Verdict
    notes: tuple[Note, ...]
    worse: Worse = "up"
    generations: tuple[Generation, ...] = ()
    end: End | None = None
    cycle: Cycle | None = None
    limit: float | None = None
    left: Exhaustion | None = None
    outlook: Outlook | None = None
    asked_in_bytes: bool = False

    @property
    def name(self) -> str:
        return self.series.name

    @property
    def trend(self) -> Trend | None:
        return self.result.trend

    @property
    def restarts(self) -> tuple[Restart, ...]:
        return tuple(one.began for one in self.generations if one.began is not None)

    @property
    def acceleration(self) -> Acceleration | None:
        """Of a growth that gets faster: its rate now, as growth of what gets worse."""
        course = None if self.trend is None or self.verdict != "aging" or self.restarts else self.trend.course
        return None if course is None or self.series.axis.count is not None else acceleration(course)

    @property
    def rate(self) -> Rate | None:
        """The current rate; where that is not known, the slope of the whole series."""
        trend = self.trend
        if trend is None:
            return None
        if trend.current is None:
            return Rate(trend.slope, trend.low, trend.high)
        now, pace = trend.current, trend.per_second
        return Rate(now.rate * pace, now.low * pace, now.high * pace)

    @property
    def per_request(self) -> Rate | None:
        """The current rate per request, where the requests were counted and the rate was steady by them or the clock.

        The clock's rate is divided by the mean number of requests a second.
        """
        trend, rate, counted = self.trend, self.rate, self.series.work.get("requests")
        if trend is None or rate is None or counted is None or self.series.axis.count is not None:
            return None
        if trend.axis == "requests" and trend.current is not None:
            return Rate(trend.current.rate, trend.current.low, trend.current.high)
        rises = np.diff(counted)
        done = float(rises[rises > 0].sum()) / float(np.ptp(self.series.t)) if counted.size > 1 else 0.0
        return Rate(*(value / done for value in rate)) if done > 0 else None


@dataclass(frozen=True, slots=True)
class _Preparation:
    """How the samples of a generation are made ready: the grid and the warm-up in seconds, and whether it counts.

    ``cell``: seconds, in which a counter's rate is taken.
    """

    resample: float | None
    warmup: float | str | None
    counter: bool
    notes: list[Note]
    cell: float = 0.0

    def of(self, piece: Piece) -> Piece:
        age, y = piece.age, piece.y
        if self.counter:
            age, y = rate_grid(age, y, self.cell)
        elif self.resample is not None:
            age, y = median_grid(age, y, self.resample)
        if self.warmup is not None and age.size:
            seconds = find_warmup(age, y) if isinstance(self.warmup, str) else self.warmup
            age, y = drop_warmup(age, y, seconds)
            if not self.notes:
                how = ", found automatically" if self.warmup == "auto" else ""
                message = f"The warm-up is left out: the first {seconds:g} s of load{how}."
                self.notes.append(Note("warmup", message))
        work = piece.work
        if age is not piece.age:
            work = {name: np.interp(age, piece.age, counted) for name, counted in work.items()} if age.size else {}
        return replace(piece, age=age, y=y, work=work)


def analyze_table(
    series: Sequence[TableSeries],
    tests: Mapping[str, TrendTest],
    resample: float | None,
    warmup: float | str | None,
    asked: AskedOfSeries = NOTHING,
) -> list[TableAnalysis]:
    """As :func:`analyze_series`, of all series of a table: what one shows of restarts is known of the others."""
    worse = [asked.worse or worsens(one.column) for one in series]
    return [analyze_series(one, tests, resample, warmup, asked) for one in with_siblings(series, worse, asked.falls)]


def analyze_series(
    series: TableSeries,
    tests: Mapping[str, TrendTest],
    resample: float | None,
    warmup: float | str | None,
    asked: AskedOfSeries = NOTHING,
) -> TableAnalysis:
    """Resample (grid in seconds), drop the warm-up (seconds, or ``"auto"``), split at restarts, and test.

    A series that cannot be analyzed has a note instead of a trend.
    """
    worse = asked.worse or worsens(series.column)
    judge = _Judge(series, tests, -1.0 if worse == "down" else 1.0, asked.brief)
    preparation = _Preparation(resample, warmup, series.counter, [])
    try:
        as_values(series.y, least=0)
        if series.counter:
            preparation = replace(preparation, cell=resample or rate_cell(series.t, series.y))
        found = restarts_of(series, judge.sign, asked.falls)
        restarts = () if _rises_seldom(series, preparation.cell) else found.taken  # too few cells of each
        parts = [preparation.of(one) for one in pieces(series.t, series.y, series.work, restarts)]
    except SeriesError as error:
        impossible = SeriesAnalysis.impossible(tests, str(error))
        notes = [*_counter_notes(series, ()), *series.notes, *preparation.notes, *impossible.notes]
        return TableAnalysis(series, series.t, series.y, impossible, "inconclusive", tuple(notes), worse)
    judged = [judge.of(one) for one in parts]
    generations = tuple(
        Generation(one.start, one.end, one.age.size, one.began, result)
        for one, (result, _) in zip(parts, judged, strict=True)
    )
    result = pooled(generations, lambda: judge.plain(*by_age(parts)))
    bound, unit_unknown = _limit_of(series, asked.limit, worse)
    end = judge.end(parts[-1], bound)
    if end is not None and end.climb.trend is not None and len(parts) == 1:
        result = end.climb
    cycle = next((one for _, one in judged if one is not None), None)
    verdict = _verdict(result, end, worse, cycle)
    if verdict == "stable" and judge.filled_at_once(parts[-1]):
        verdict = "bounded"
    t, y = _joined(parts)
    return TableAnalysis(
        series,
        t,
        y,
        judge.as_shown(result, verdict),
        verdict,
        (
            *series.notes,
            *_counter_notes(series, restarts, None if resample else preparation.cell),
            *preparation.notes,
            *(() if asked.brief else falls_notes(series, judge.sign, found, asked.falls)),
            *_cycle_notes(cycle),
            *(result.notes if end is None else ()),
            *(
                _origin_notes(result.trend, t, judge.sign * y)
                if series.origin_assumed and verdict in _ANSWER and not restarts and not asked.brief
                else ()
            ),
            *((unit_unknown,) if unit_unknown is not None else ()),
        ),
        worse,
        tuple(judge.generation_as_shown(one) for one in generations),
        end,
        cycle,
        bound,
        _left(judge.sign, y, result.trend, bound, verdict),
        _outlook(judge.sign, result.trend, bound, asked, verdict),
        asked.limit is not None and asked.limit.in_bytes,
    )


def mirrored(trend: Trend) -> Trend:
    """The trend of the negative of a series as that of the series itself; what says how it may go on stays."""
    turned: Mapping[Direction, Direction] = {"increasing": "decreasing", "decreasing": "increasing", "none": "none"}
    now = trend.current
    return replace(
        trend,
        direction=turned[trend.direction],
        slope=-trend.slope,
        low=-trend.high,
        high=-trend.low,
        late_slope=-trend.late_slope,
        current=None if now is None else replace(now, rate=-now.rate, low=-now.high, high=-now.low),
    )


@dataclass(frozen=True, slots=True)
class _Judge:
    """How a part of the ``series`` is judged: without its cycle, with the ``sign`` that makes growth the worse."""

    series: TableSeries
    tests: Mapping[str, TrendTest]
    sign: float
    brief: bool = False

    def of(self, piece: Piece) -> tuple[SeriesAnalysis, Cycle | None]:
        cycle, y = self._without_cycle(piece.age, piece.y)
        result = self.plain(piece.age, y, piece.work)
        return (cycle is None and self._beneath_cycle(piece, result)) or (result, cycle)

    def _beneath_cycle(self, piece: Piece, result: SeriesAnalysis) -> tuple[SeriesAnalysis, Cycle] | None:
        """The analysis without a cycle that hides from ``result`` that a growth it shows is sustained."""
        trend = result.trend
        if trend is None or (trend.direction, trend.verdict) != ("increasing", "inconclusive"):
            return None
        found = None if self.series.axis.count is not None else clear_cycle(piece.age, piece.y)
        if found is None:
            return None
        without = self.plain(piece.age, found[1], piece.work)
        return (without, found[0]) if without.trend is not None and without.trend.verdict == "aging" else None

    def without_work(self, t: Floats, y: Floats) -> SeriesAnalysis:
        return self.plain(t, self._without_cycle(t, y)[1])

    def plain(self, t: Floats, y: Floats, work: Mapping[str, Floats] | None = None) -> SeriesAnalysis:
        return series_analysis(t, self.sign * y, self.tests, work, _resolution(self.series, y), brief=self.brief)

    def end(self, piece: Piece, bound: float | None) -> End | None:
        """How the growth of the last generation ended, towards a ``bound`` in the unit of the series."""
        limit = None if bound is None else self.sign * bound
        least = _resolution(self.series, piece.y) or 0.0
        return end_of_growth(
            piece.age, self.sign * piece.y, limit, least, lambda t, y: self.without_work(t, self.sign * y)
        )

    def filled_at_once(self, piece: Piece) -> bool:
        """Whether a generation that does not move grew in its first samples, which the trend leaves out as warm-up."""
        y = self.sign * piece.y
        if y.size < FEWEST_SAMPLES:
            return False
        low, usual, high = np.quantile(y[y.size // 2 :], (0.25, 0.5, 0.75))
        rise = float(usual - y[:_FIRST].max())
        return rise > max(
            _FILLS * (_resolution(self.series, y) or default_resolution(y)), _CLEAR * float(high - low), 0
        )

    def as_shown(self, result: SeriesAnalysis, verdict: Verdict) -> SeriesAnalysis:
        """With the signs of the series itself, and its verdict."""
        if result.trend is None:
            return result
        trend = mirrored(result.trend) if self.sign < 0 else result.trend
        return replace(result, trend=replace(trend, verdict=verdict))

    def generation_as_shown(self, one: Generation) -> Generation:
        """With the signs of the series itself."""
        trend, began = one.result.trend, one.began
        if self.sign > 0:
            return one
        return replace(
            one,
            began=None if began is None else replace(began, before=-began.before, after=-began.after),
            result=one.result if trend is None else replace(one.result, trend=mirrored(trend)),
        )

    def _without_cycle(self, t: Floats, y: Floats) -> tuple[Cycle | None, Floats]:
        return (None, y) if self.series.axis.count is not None else without_cycle(t, y)


def _verdict(result: SeriesAnalysis, end: End | None, worse: Worse, cycle: Cycle | None) -> Verdict:
    if end is not None:
        return end.verdict
    verdict: Verdict = "inconclusive" if result.trend is None else result.trend.verdict
    if verdict == "declining" and worse == "down":  # its negative falls: it gets better
        verdict = "stable"
    return "cyclic" if verdict == "stable" and cycle is not None else verdict


def _counter_notes(series: TableSeries, restarts: Sequence[Restart], cell: float | None = None) -> tuple[Note, ...]:
    if not series.counter:
        return ()
    resets = int(np.count_nonzero(np.diff(series.y) < 0))
    unit = series.axis.count or "second"
    seldom = cell is not None and _rises_seldom(series, cell)
    width = f" It rises seldom: the rate is that of every {_length(series, cell)}." if seldom and cell else ""
    note = Note("counter", f"This is a counter; its rate per {unit} was analyzed.{width}")
    if not resets:
        return (note,)
    how = "begins a generation" if restarts else "is treated as a reset to 0"
    return note, Note(
        "counter_resets", f"The counter fell {resets} {'time' if resets == 1 else 'times'}; each fall {how}."
    )


def _rises_seldom(series: TableSeries, cell: float) -> bool:
    """Whether ``cell``, in which its rate is taken, is wider than the usual distance of the samples of a counter."""
    return series.counter and cell > _WIDER * float(np.median(np.diff(np.unique(series.t))))


def _cycle_notes(cycle: Cycle | None) -> tuple[Note, ...]:
    if cycle is None:
        return ()
    message = f"A cycle of {readable_duration(cycle.period)} was taken out before the growth was judged."
    return (Note("cycle", message),)


def _joined(parts: Sequence[Piece]) -> tuple[Floats, Floats]:
    """What was judged of all generations, at the times of the series."""
    if len(parts) == 1:
        return parts[0].age, parts[0].y
    times = [one.age if one.began is None else one.age - one.age[:1] + one.start for one in parts]
    return np.concatenate(times), np.concatenate([one.y for one in parts])


def _left(sign: float, y: Floats, trend: Trend | None, bound: float | None, verdict: Verdict) -> Exhaustion | None:
    """How long until ``bound`` at the present rate of growth, which ``trend`` has; no time of what is exhausted."""
    if verdict == "exhausted":
        return Exhaustion(0.0, 0.0, 0.0)
    if verdict != "aging" or trend is None or bound is None or not y.size:
        return None
    level = float(np.median(sign * y[-_LAST:]))
    if trend.course is not None and (faster := acceleration(trend.course)) is not None:
        return faster.until(sign * bound - level)
    now, pace = trend.current, trend.per_second
    rates = (trend.slope, trend.low, trend.high) if now is None else (now.rate * pace, now.low * pace, now.high * pace)
    return time_to_exhaustion(level, sign * bound, *rates)


def _limit_of(series: TableSeries, given: Limit | None, worse: Worse) -> tuple[float | None, Note | None]:
    """The limit in the base unit: given, of the source, or 0 for what falls; and why a given one does not hold."""
    floor = 0.0 if worse == "down" and series.y.size and series.y.min() >= 0 else None
    if given is None:
        return (floor if worse == "down" else series.limit), None
    if not given.in_bytes:
        return given.value * series.measure.factor, None
    if series.measure.base == "B" or _looks_like_bytes(series):
        return given.value, None
    other = series.measure.base or series.measure.written
    return floor, None if other or worse == "down" else _UNIT_UNKNOWN


def _looks_like_bytes(series: TableSeries) -> bool:
    """Of a series without a unit: by the end of its name, or because its values are whole pages of memory."""
    if series.measure.base or series.measure.written:
        return False
    name = series.column.partition("[")[0].strip().lower()
    if name.endswith(("bytes", "_b")):
        return True
    return not _OTHER_UNIT.search(name) and series.y.size > 0 and in_pages(series.y)


def _outlook(
    sign: float, trend: Trend | None, bound: float | None, asked: AskedOfSeries, verdict: Verdict
) -> Outlook | None:
    """Where a limit or a horizon was asked for."""
    if bound is None or (asked.limit is None and asked.horizon is None):
        return None
    horizon = asked.horizon or USUAL_HORIZON
    if verdict == "exhausted":
        return Outlook("exhausts", bound, horizon / _HOUR, left=0.0, most=0.0, earliest_hours=0.0, latest_hours=0.0)
    if trend is None or trend.course is None:
        return None
    found = outlook_of([trend.course], sign * bound, horizon)
    return None if found is None else replace(found, limit=bound)


def _resolution(series: TableSeries, y: Floats) -> float | None:
    """By the name of a known indicator; by the values (None) for any other column."""
    level = float(np.median(np.abs(y))) if y.size else 0.0
    return resolution(series.column.partition("[")[0], level) or None


_IF_EARLIER = {
    "sustained": "the growth would be sustained",
    "decelerating": "the growth would be slowing down",
    "other": "a constant rate could not be separated from a falling one",
}
_ANSWER = {"aging": "sustained", "bounded": "decelerating"}


def _origin_notes(trend: Trend | None, t: Floats, y: Floats) -> tuple[Note, ...]:
    """How far the verdict on a growth depends on the assumption that load began with the first sample."""
    if trend is None or trend.verdict not in _ANSWER:
        return ()
    found = origin_range(t, y)
    if found.answer != _ANSWER[trend.verdict]:  # bounded by its shape, not by the time since the start of load
        return ()
    if found.fails is None or found.then is None:
        message = (
            f"The verdict is {trend.verdict} even if load began up to {_span(found.holds)} before the first sample."
        )
        return (Note("origin_robust", message),)
    assumed = (
        f"The verdict is {trend.verdict} only if load began less than {_span(found.fails)} before the first sample"
    )
    message = f"{assumed}; with an earlier start {_IF_EARLIER[found.then]}. Give the start with --load-start."
    return (Note("origin_sensitive", message),)


def _length(series: TableSeries, length: float) -> str:
    return readable_duration(length) if series.axis.count is None else f"{length:,.0f} {series.axis.count}"


def _span(seconds: float) -> str:
    return readable_duration(seconds) if seconds >= _MINUTE else f"{seconds:.2g} s"
