"""Differences of what clients saw: quantiles of latency, the share of failed requests, throughput."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aging.core.metrics import client_indicator
from aging.findings.comparison.mismatches import same_schedule
from aging.findings.comparison.quantity import ANSWERS, FAILED, OUTPUT_TOKENS, Quantity, relevant_level
from aging.findings.comparison.side import Facing, Side
from aging.findings.comparison.types import Statistic
from aging.findings.latencies import latencies
from aging.findings.series import Floats
from aging.stats.difference.request_values import Cells, quantile_of, rate_of, share_of
from aging.stats.difference.uncertain import Uncertain, pooled
from aging.stats.difference.welch import Difference, difference, itself
from aging.stats.series.validation import SeriesError

_LATENCIES = ("ttft", "tpot", "e2e")
_QUANTILES: tuple[tuple[Statistic, float], ...] = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
_FAILED = ("error", "dropped")


@dataclass(frozen=True, slots=True)
class _Requests:
    """The requests of a run that were due or ended in the window, in cells of its grid.

    ``due`` are marks of those that failed, by the cell in which they were due; ``ended`` by that in which they ended.
    """

    seconds: float
    cells: int
    failed: NDArray[np.bool_]
    due: Cells
    latencies: dict[str, tuple[Floats, Cells]]
    tokens: Floats
    answered: Cells


_Measure = Callable[[_Requests], Uncertain]
_Amounts = Callable[[_Requests], Floats]


def served(faced: Facing) -> Iterator[Quantity]:
    """Every quantity of the requests that both sides can tell, over the same stretch of load."""
    mine, theirs = _runs(faced.baseline, faced), _runs(faced.other, faced)
    for indicator, statistic, measure in _measures():
        first, second = (_pooled(runs.values(), measure) for runs in (mine, theirs))
        if first is not None and second is not None:
            found: Difference | None = difference(first, second)
            least = relevant_level(indicator, first.value)
            yield Quantity(indicator, statistic, first, second, found if found and found.bounded else None, least)
    same = {replica for replica in mine.keys() & theirs.keys() if same_schedule(faced, replica)}
    for indicator, amounts in ((ANSWERS, _ones), (OUTPUT_TOKENS, _tokens)):
        first, second = (_pooled(runs.values(), _rate(amounts)) for runs in (mine, theirs))
        if first is not None and second is not None and (first.value > 0 or second.value > 0):
            paired = same == mine.keys() == theirs.keys()
            found = _paired(mine, theirs, amounts) if paired else difference(first, second)
            yield Quantity(indicator, "per_second", first, second, found, relevant_level(indicator, first.value))


def _paired(mine: Mapping[int, _Requests], theirs: Mapping[int, _Requests], amounts: _Amounts) -> Difference | None:
    """Cell by cell: both got the same requests at the same times, whose number is no noise of the difference."""
    found = []
    for replica, one in mine.items():
        two = theirs[replica]
        signed = np.concatenate([-amounts(one), amounts(two)])
        try:
            found.append(rate_of(signed, np.concatenate([one.answered, two.answered]), one.cells, one.seconds))
        except SeriesError:
            return None
    return itself(pooled(found))


def _measures() -> Iterator[tuple[str, Statistic, _Measure]]:
    for name in _LATENCIES:
        for statistic, share in _QUANTILES:
            yield client_indicator(f"{name}_seconds"), statistic, _quantile(name, share)
    yield FAILED, "share", lambda one: share_of(one.failed, one.due, one.cells)


def _ones(one: _Requests) -> Floats:
    return np.ones(one.answered.size)


def _tokens(one: _Requests) -> Floats:
    return one.tokens


def _rate(amounts: _Amounts) -> _Measure:
    return lambda one: rate_of(amounts(one), one.answered, one.cells, one.seconds)


def _quantile(name: str, share: float) -> _Measure:
    def measured(one: _Requests) -> Uncertain:
        values, cells = one.latencies[name]
        return quantile_of(values, cells, one.cells, share)

    return measured


def _pooled(runs: Iterable[_Requests], measure: _Measure) -> Uncertain | None:
    found = []
    for one in runs:
        try:
            found.append(measure(one))
        except SeriesError:
            continue
    return pooled(found) if found else None


def _runs(side: Side, faced: Facing) -> dict[int, _Requests]:
    begin, end = faced.span
    found = {}
    for replica, window in side.windows.items():
        rows = side.source.results.requests(side.name, replica)
        if not rows.empty and end > begin:
            found[replica] = _requests(rows, window.load_start, begin, end, window.grid)
    return found


def _requests(rows: pd.DataFrame, start: float, begin: float, end: float, grid: float) -> _Requests:
    cells = max(int((end - begin) / grid), 1)
    width = (end - begin) / cells

    def cell(times: pd.Series) -> tuple[NDArray[np.bool_], Cells]:
        since = times.to_numpy(dtype=np.float64) - start - begin
        inside = (since >= 0) & (since < end - begin)
        return inside, np.minimum(since[inside] / width, cells - 1).astype(np.int64)

    due, due_cells = cell(rows["scheduled"])
    ended, ended_cells = cell(rows["finished"])
    within = rows[ended]
    seen = {}
    for name, seconds in latencies(within, "sent").items():
        known = seconds.notna().to_numpy(dtype=bool)
        seen[str(name)] = seconds.to_numpy(dtype=np.float64)[known], ended_cells[known]
    answered = (within["status"] == "ok").to_numpy(dtype=bool)
    tokens = within["output_tokens"].fillna(0).to_numpy(dtype=np.float64)[answered]
    failed = rows["status"].isin(_FAILED).to_numpy(dtype=bool)[due]
    return _Requests(end - begin, cells, failed, due_cells, seen, tokens, ended_cells[answered])
