"""The statistics of one series of a user's table, and their JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from aging.core.format import readable_duration
from aging.core.metrics import resolution
from aging.findings.asked import Limit
from aging.findings.outlook import outlook_of
from aging.findings.series_analysis import SeriesAnalysis, series_analysis
from aging.findings.types import Outlook
from aging.stats import (
    SeriesError,
    Trend,
    drop_warmup,
    find_warmup,
    mann_kendall,
    median_grid,
    origin_range,
    rate_grid,
    sen_slope,
)
from aging.stats.note import Note
from aging.stats.trend import in_pages
from aging.stats.trend_tests.base import TrendTest
from aging.tables.series import Floats, TableSeries

_HOUR, _MINUTE = 3600.0, 60.0
_OTHER_UNIT = re.compile(r"(^|[^a-z])([kmgt]i?b?|[kmgt]i?bytes|pages?|percent|count|total|seconds)$")
_UNIT_UNKNOWN = Note(
    "limit_unit",
    (
        "No outlook: the limit is a size, and nothing says that this series is in bytes. "
        "End the column's name with _bytes, or give the limit as a plain number in the unit of the series."
    ),
)
_KNOWN_KEYS = (
    *("shape", "direction", "slope_per_hour", "ci_per_hour", "p", "n_effective"),
    *("minimum_detectable_per_hour", "exponent", "exact", "current", "axis", "outlook"),
)


@dataclass(frozen=True, slots=True)
class TableAnalysis:
    """The analysis of a series: ``t`` seconds since the start of load and ``y``, both shape (n,)."""

    column: str
    t: Floats
    y: Floats
    result: SeriesAnalysis
    notes: tuple[Note, ...]
    outlook: Outlook | None = None
    in_bytes: bool = False
    """Whether the column's name does not say, but its limit, that it is of bytes."""

    @property
    def trend(self) -> Trend | None:
        return self.result.trend

    @property
    def current(self) -> tuple[float, float, float] | None:
        """The current rate with its 95 % limits, per hour; where that is not known, the slope of the whole series."""
        trend = self.trend
        if trend is None:
            return None
        rate, pace = trend.current, trend.per_second * _HOUR
        if rate is None:
            return trend.slope * _HOUR, trend.low * _HOUR, trend.high * _HOUR
        return rate.rate * pace, rate.low * pace, rate.high * pace

    @property
    def quantity(self) -> str:
        """A name whose ending says the unit."""
        return f"{self.column}_bytes" if self.in_bytes else self.column

    def with_outlook(self, limit: Limit, horizon: float) -> TableAnalysis:
        """The same analysis with its outlook for a horizon in seconds."""
        course = None if self.trend is None else self.trend.course
        if course is None:
            return self
        if limit.in_bytes and not is_of_bytes(self.column, self.y):
            return replace(self, notes=(*self.notes, _UNIT_UNKNOWN))
        return replace(self, outlook=outlook_of([course], limit.value, horizon), in_bytes=limit.in_bytes)

    def to_json(self) -> dict[str, Any]:
        """The series' entry of ``aging trend --json``; unknown values are None."""
        entry: dict[str, Any] = {"column": self.column, "n": int(self.t.size), "verdict": "inconclusive"}
        entry |= {"notes": list(self.notes), "note_codes": [note.code for note in self.notes]}
        trend = self.trend
        if trend is None:
            return entry | dict.fromkeys(_KNOWN_KEYS) | {"tests": dict(self.result.tests)}
        exponent = trend.exponent
        return entry | {
            "verdict": trend.verdict,
            "shape": trend.shape,
            "direction": trend.direction,
            "slope_per_hour": trend.slope * _HOUR,
            "ci_per_hour": [trend.low * _HOUR, trend.high * _HOUR],
            "p": trend.p,
            "n_effective": trend.n_effective,
            "minimum_detectable_per_hour": _hourly(trend.minimum_detectable),
            "exponent": None if exponent is None else [exponent.b, exponent.low, exponent.high],
            "tests": dict(self.result.tests),
            "exact": self._exact(),
            "current": list(self.current or ()),
            "axis": trend.axis,
            "outlook": None if self.outlook is None else asdict(self.outlook),
        }

    def _exact(self) -> dict[str, float]:
        kendall = mann_kendall(self.y)
        return {
            "S": kendall.s,
            "var_S": kendall.var_s,
            "sen_slope_per_second": sen_slope(self.t, self.y).slope,
        }


def is_of_bytes(column: str, y: Floats) -> bool:
    """Whether a series is in bytes: by the end of its name, or because its values are whole pages of memory."""
    name = column.partition("[")[0].strip().lower()
    if name.endswith(("bytes", "_b")):
        return True
    if _OTHER_UNIT.search(name) or not y.size:
        return False
    return in_pages(y)


def analyze_series(
    series: TableSeries, tests: Mapping[str, TrendTest], resample: float | None, warmup: float | str | None
) -> TableAnalysis:
    """Resample (grid in seconds), drop the warm-up (seconds, or ``"auto"``) and test.

    A series that cannot be analyzed has a note instead of a trend.
    """
    t, y, work = series.t, series.y, series.work
    notes: list[Note] = list(series.notes)
    try:
        if series.column.partition("[")[0].endswith("_total"):
            resets = int(np.count_nonzero(np.diff(y) < 0))
            t, y = rate_grid(t, y, resample or _usual_step(t))
            notes.append(Note("counter", "This is a counter; its rate per second was analyzed."))
            if resets:
                notes.append(
                    Note("counter_resets", f"The counter fell {resets} times; each fall is treated as a reset to 0.")
                )
        elif resample is not None:
            t, y = median_grid(t, y, resample)
        if warmup is not None:
            seconds = find_warmup(t, y) if isinstance(warmup, str) else warmup
            t, y = drop_warmup(t, y, seconds)
            how = ", found automatically" if warmup == "auto" else ""
            notes.append(Note("warmup", f"The warm-up is left out: the first {seconds:g} s of load{how}."))
        if t.size and t is not series.t:
            work = {name: np.interp(t, series.t, counted) for name, counted in work.items()}
        result = series_analysis(t, y, tests, work, _resolution(series.column, y))
    except SeriesError as error:
        result = SeriesAnalysis.impossible(tests, str(error))
    notes += result.notes
    if result.trend is not None and series.origin_assumed:
        notes += _origin_notes(result.trend, t, y)
    return TableAnalysis(series.name, t, y, result, tuple(notes))


def _resolution(column: str, y: Floats) -> float | None:
    """By the name of a known indicator; by the values (None) for any other column."""
    level = float(np.median(np.abs(y))) if y.size else 0.0
    return resolution(column.partition("[")[0], level) or None


def _usual_step(t: Floats) -> float:
    distinct = np.unique(t)
    if distinct.size < 2:
        raise SeriesError(f"a counter needs at least 2 distinct times, not {distinct.size}")
    return float(np.median(np.diff(distinct)))


_IF_EARLIER = {
    "sustained": "the growth would be sustained",
    "decelerating": "the growth would be slowing down",
    "other": "a constant rate could not be separated from a falling one",
}
_ANSWER = {"aging": "sustained", "bounded": "decelerating"}


def _origin_notes(trend: Trend, t: Floats, y: Floats) -> tuple[Note, ...]:
    """How far the verdict on a growth depends on the assumption that load began with the first sample."""
    if trend.verdict not in _ANSWER:
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


def _span(seconds: float) -> str:
    return readable_duration(seconds) if seconds >= _MINUTE else f"{seconds:.2g} s"


def _hourly(per_second: float | None) -> float | None:
    return None if per_second is None else per_second * _HOUR
