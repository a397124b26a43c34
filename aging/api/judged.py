"""A series exactly as it is judged: as a pandas Series with what is known of it, and judged again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd

from aging.api.trend_result import TrendResult
from aging.core.metrics import ages_downwards
from aging.findings.direction import Worse
from aging.findings.indicator_analysis import IndicatorAnalysis, analyze_all
from aging.findings.series import Floats, Series, Window
from aging.findings.table_analysis import TableAnalysis, mirrored
from aging.tables.series import TableSeries

SINCE_LOAD = "seconds_of_load"
"""The name of an index of times since the load began."""

_CHECK, _WORK = "judged", "work"
_KEYS = frozenset(("deployment", "replica", "generation", "indicator", _CHECK, _WORK))
_UNITS = (
    ("_cpu_seconds_total", "1"),
    ("_bytes_total", "byte/s"),
    ("_seconds_total", "s/s"),
    ("_total", "1/s"),
    ("_bytes", "byte"),
    ("_milliseconds", "ms"),
    ("_seconds", "s"),
)


def unit_name(indicator: str) -> str:
    """The unit of an indicator's values as other tools write it: ``byte``, ``s``, ``1/s``, ``1``."""
    name = indicator.partition("{")[0]
    return next((unit for ending, unit in _UNITS if name.endswith(ending)), "1")


@dataclass(frozen=True, slots=True)
class JudgedSeries:
    """One generation of an indicator with the ``window`` that it was cut from; ``differs`` says from which finding."""

    series: Series
    window: Window
    differs: str | None = None

    def as_pandas(self) -> pd.Series:
        """Values by seconds of load; ``attrs`` hold plain values alone, so that the series can be stored anywhere."""
        one, window = self.series, self.window
        name = f"{one.indicator} per second" if one.indicator.endswith("_total") else one.indicator
        series = pd.Series(one.y, index=pd.Index(one.t, name=SINCE_LOAD), name=name)
        series.attrs = {
            "deployment": one.owner,
            "replica": one.replica,
            "generation": one.generation,
            "indicator": one.indicator,
            "units": unit_name(one.indicator),
            "grid_seconds": window.grid,
            "warmup_seconds": window.warmup,
            "load_seconds": window.load_end - window.load_start,
            "window_seconds": [float(one.t[0]), float(one.t[-1])],
            "differs": self.differs,
            _WORK: {work: counted.tolist() for work, counted in one.work.items()},
            _CHECK: _checksum(one.t, one.y),
        }
        return series

    def result(self) -> TrendResult:
        """Its trend, as the finding has it before replicas are pooled and false discoveries are controlled."""
        (analyzed,) = analyze_all([self.series], {})
        return _result(analyzed)


def judged_again(given: Any) -> TrendResult | None:
    """The trend of a series of :meth:`JudgedSeries.as_pandas` that was not changed since; None for any other series."""
    attrs: Mapping[Any, Any] = given.attrs if isinstance(given, pd.Series) else {}
    if (
        not set(attrs) >= _KEYS
        or not pd.api.types.is_float_dtype(given.index)
        or not pd.api.types.is_float_dtype(given)
    ):
        return None
    t, y = given.index.to_numpy(dtype=np.float64), given.to_numpy(dtype=np.float64)
    if _checksum(t, y) != attrs[_CHECK]:
        return None
    work = {str(name): np.asarray(counted, dtype=np.float64) for name, counted in attrs[_WORK].items()}
    place = (str(attrs["deployment"]), int(attrs["replica"]), int(attrs["generation"]), str(attrs["indicator"]))
    (analyzed,) = analyze_all([Series(*place, t, y, work)], {})
    return _result(analyzed)


def _checksum(t: Floats, y: Floats) -> int:
    return crc32(y.tobytes(), crc32(t.tobytes()))


def _result(analyzed: IndicatorAnalysis) -> TrendResult:
    one, result = analyzed.series, analyzed.result
    down = ages_downwards(one.indicator)
    if result.trend is not None:
        trend = mirrored(result.trend) if down else result.trend
        result = replace(result, trend=replace(trend, verdict=analyzed.verdict))
    source = TableSeries(one.indicator, one.t, one.y, origin_assumed=False, work=one.work)
    worse: Worse = "down" if down else "up"
    return TrendResult(TableAnalysis(source, one.t, one.y, result, analyzed.verdict, result.notes, worse))
