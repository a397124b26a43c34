"""A table's series as entries of ``aging trend --json``: numbers in base units, which ``unit`` and ``rate_unit`` name.

Keys stay; new ones may come. docs/findings.md lists them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from aging.findings.table_analysis import Rate, TableAnalysis
from aging.findings.table_generations import Generation
from aging.stats import Exhaustion, Trend, mann_kendall, sen_slope
from aging.tables.series import LeftOut, TableReading

_HOUR, _PER_COUNT = 3600.0, 1000.0
_TREND_KEYS = ("shape", "direction", "slope_per_hour", "ci_per_hour", "late_slope_per_hour", "p", "n_effective")
_MORE_TREND_KEYS = ("minimum_detectable_per_hour", "exponent", "exact", "current", "axis", "rate")


def document(reading: TableReading, analyzed: Sequence[TableAnalysis]) -> dict[str, Any]:
    """The whole answer: every series, what was read, and what was not judged."""
    return {
        "schema": 1,
        "format": reading.format,
        "extent": reading.extent,
        "notes": list(reading.notes),
        "note_codes": [note.code for note in reading.notes],
        "left_out": [_left_out(one) for one in reading.left_out],
        "series": [entry(one) for one in analyzed],
    }


def entry(one: TableAnalysis) -> dict[str, Any]:
    """One series; unknown values are None."""
    series = one.series
    return {
        "column": one.name,
        "labels": dict(series.labels),
        "n": int(one.t.size),
        "verdict": one.verdict,
        "worse": one.worse,
        "unit": unit(one),
        "rate_unit": rate_unit(one),
        "notes": list(one.notes),
        "note_codes": [note.code for note in one.notes],
        "tests": dict(one.result.tests),
        **(dict.fromkeys((*_TREND_KEYS, *_MORE_TREND_KEYS)) if one.trend is None else _trend(one, one.trend)),
        "per_request": _listed(one.per_request),
        "limit": one.limit,
        "rate_at_end": _at_end(one),
        "left_hours": _hours(one.left) if series.axis.count is None else None,
        "outlook": None if one.outlook is None else asdict(one.outlook),
        "restarts": _restarts(one),
        "generations": [_generation(each, one) for each in one.generations],
        "stands_at": None if one.end is None else _stands(one),
        "cycle_hours": None if one.cycle is None else one.cycle.period / _HOUR,
    }


def unit(one: TableAnalysis) -> str:
    """The unit of the numbers: a base unit, or what a column without one was written in."""
    measure, count = one.series.measure, one.series.axis.count
    if one.series.counter:
        return f"{measure.base or measure.written}/{count or 's'}"
    return f"{measure.base or measure.written}{'/s' if measure.rate else ''}"


def rate_unit(one: TableAnalysis) -> str:
    """The unit of ``rate``: per hour, or per 1,000 of what the series is measured along."""
    count = one.series.axis.count
    return f"{unit(one)}/h" if count is None else f"{unit(one)} per 1,000 {count}".lstrip()


def scale(one: TableAnalysis) -> float:
    """From rates per unit of the axis to rates in ``rate_unit``."""
    return _HOUR if one.series.axis.count is None else _PER_COUNT


def _trend(one: TableAnalysis, trend: Trend) -> dict[str, Any]:
    exponent, clock, rate = trend.exponent, one.series.axis.count is None, one.rate
    kendall = mann_kendall(one.y)
    return {
        "shape": trend.shape,
        "direction": trend.direction,
        "slope_per_hour": trend.slope * _HOUR if clock else None,
        "ci_per_hour": [trend.low * _HOUR, trend.high * _HOUR] if clock else None,
        "late_slope_per_hour": trend.late_slope * _HOUR if clock else None,
        "p": trend.p,
        "n_effective": trend.n_effective,
        "minimum_detectable_per_hour": _times(trend.minimum_detectable, _HOUR) if clock else None,
        "exponent": None if exponent is None else [exponent.b, exponent.low, exponent.high],
        "exact": {"S": kendall.s, "var_S": kendall.var_s, "sen_slope_per_second": sen_slope(one.t, one.y).slope},
        "current": [value * _HOUR for value in rate or ()] if clock else [],
        "axis": trend.axis if clock else one.series.axis.count,
        "rate": [value * scale(one) for value in rate or ()],
    }


def _restarts(one: TableAnalysis) -> dict[str, Any]:
    restarts, begins = one.restarts, [each.start for each in one.generations]
    before = [each.before for each in restarts]
    return {
        "count": len(restarts),
        "median_interval": float(np.median(np.diff(begins))) if restarts else None,
        "level_before": [min(before), max(before)] if before else None,
        "reasons": sorted({each.reason for each in restarts}),
        "at": [each.at for each in restarts],
    }


def _generation(each: Generation, one: TableAnalysis) -> dict[str, Any]:
    trend = each.result.trend
    return {
        "start": each.start,
        "end": each.end,
        "n": each.n,
        "began": None if each.began is None else each.began.reason,
        "verdict": "inconclusive" if trend is None else trend.verdict,
        "slope": None if trend is None else trend.slope * scale(one),
        "ci": None if trend is None else [trend.low * scale(one), trend.high * scale(one)],
    }


def _stands(one: TableAnalysis) -> dict[str, Any]:
    end = one.end
    if end is None:
        return {}
    level = -end.stands.level if one.worse == "down" else end.stands.level
    return {"level": level, "since": end.stands.since}


def _hours(left: Exhaustion | None) -> list[float | None] | None:
    if left is None:
        return None
    return [seconds / _HOUR if np.isfinite(seconds) else None for seconds in (left.seconds, left.earliest, left.latest)]


def _at_end(one: TableAnalysis) -> list[float] | None:
    """Of growth that accelerates: its rate at the end with limits, with the sign of the series."""
    faster = one.acceleration
    if faster is None:
        return None
    rates = [value * scale(one) for value in (faster.rate, faster.low, faster.high)]
    return rates if one.worse == "up" else [-rates[0], -rates[2], -rates[1]]


def _left_out(one: LeftOut) -> dict[str, str]:
    return {"column": one.column, "example": one.example, "reason": one.reason}


def _listed(rate: Rate | None) -> list[float] | None:
    return None if rate is None else list(rate)


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor
