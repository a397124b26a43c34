"""Series on a fixed time grid: cell k covers [k step, (k + 1) step) seconds, and an empty cell is absent.

Values that are NaN or infinite are left out before anything else.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aging.stats.series.validation import Floats, SeriesError

_ROUNDINGS = 8
_RISES, _CELLS = 4, 24


def median_grid(t: ArrayLike, y: ArrayLike, step: float) -> tuple[Floats, Floats]:
    """Return the centres (seconds) of the cells that hold values, and the median of each, both shape (cells,).

    ``t`` (seconds) and ``y`` have shape (n,), in any order. Raises
    :class:`~aging.stats.SeriesError` for differing shapes or a step that is not positive.

    >>> t, y = median_grid([0, 1, 2, 3, 61, 62], [5, 7, 9, 100, 4, 6], 60)
    >>> t.tolist(), y.tolist()
    ([30.0, 90.0], [8.0, 5.0])
    """
    return quantile_grid(t, y, step, 0.5)


def quantile_grid(t: ArrayLike, y: ArrayLike, step: float, q: float) -> tuple[Floats, Floats]:
    """Return as :func:`median_grid` does, with the quantile ``q`` of each cell (linear between order statistics)."""
    if not 0 <= q <= 1:
        raise SeriesError(f"q must lie between 0 and 1, not {q}")
    times, values = _finite(t, y, step)
    cells = np.floor_divide(times, step).astype(np.int64)
    order = np.lexsort((values, cells))
    values, cells = values[order], cells[order]
    cell, first, size = np.unique(cells, return_index=True, return_counts=True)
    place = (size - 1) * q
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, size - 1)
    lower = values[first + below]
    return _centres(cell, step), lower + (place - below) * (values[first + above] - lower)


def mean_grid(t: ArrayLike, y: ArrayLike, step: float) -> tuple[Floats, Floats]:
    """Return as :func:`median_grid` does, with the mean of each cell: of ones and zeros, the share of ones."""
    times, values = _finite(t, y, step)
    cell, place, size = np.unique(
        np.floor_divide(times, step).astype(np.int64), return_inverse=True, return_counts=True
    )
    return _centres(cell, step), np.bincount(place, weights=values, minlength=cell.size) / size


def event_grid(t: ArrayLike, step: float, begin: float, end: float) -> tuple[Floats, Floats]:
    """Return the centres (seconds) of the cells that lie whole in [begin, end], and the events per second in each.

    ``t`` (seconds), shape (n,), are the times of the events. A cell without any is 0, not absent.
    """
    times, _ = _finite(t, t, step)
    first, last = int(np.ceil(begin / step)), int(np.floor(end / step))
    if last <= first:
        return np.empty(0), np.empty(0)
    cells = np.floor_divide(times, step).astype(np.int64) - first
    counts = np.bincount(cells[(cells >= 0) & (cells < last - first)], minlength=last - first)
    return _centres(np.arange(first, last), step), counts / step


def rate_grid(t: ArrayLike, counter: ArrayLike, step: float) -> tuple[Floats, Floats]:
    """Return the centres (seconds) of the cells that hold samples, and the counter's mean rate per second in each.

    A fall is a reset: the counter started again from 0, so its new value is
    what was counted since (Prometheus' convention). Between samples the counter
    is taken as linear, so that a cell's rate does not depend on where in it the
    samples lie; the first and last cell count from the first and to the last sample.
    Rates that differ from the median rate by rounding alone are set to the median rate.

    >>> t, rate = rate_grid([0, 60, 120, 180], [0, 600, 1200, 1500], 60)
    >>> t.tolist(), rate.tolist()
    ([30.0, 90.0, 150.0], [10.0, 10.0, 5.0])
    """
    times, values = _finite(t, counter, step)
    if times.size == 0:
        return times, values
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    rises = np.diff(values)
    counted = np.concatenate([[0.0], np.cumsum(np.where(rises < 0, values[1:], rises))])
    cell = np.unique(np.floor_divide(times, step).astype(np.int64))
    start = np.maximum(cell * step, times[0])
    end = np.minimum((cell + 1) * step, times[-1])
    cell, start, end = cell[end > start], start[end > start], end[end > start]
    if not cell.size:
        return _centres(cell, step), start
    rates = (np.interp(end, times, counted) - np.interp(start, times, counted)) / (end - start)
    return _centres(cell, step), _snapped(rates, end - start, times, values)


def rate_cell(t: ArrayLike, counter: ArrayLike) -> float:
    """Return the width (seconds) of the cells in which :func:`rate_grid` shows the rate of a counter.

    It is the usual distance of its samples; where the counter rises in less than half of them, so wide that a cell has
    four rises, or a 24th of the time where that is less: rates of 0 or 1 count a cell say nothing of a trend. Raises
    :class:`~aging.stats.SeriesError` for fewer than 2 distinct times.
    """
    times, values = _finite(t, counter, 1.0)
    order = np.argsort(times, kind="stable")
    distinct, first = np.unique(times[order], return_index=True)
    if distinct.size < 2:
        raise SeriesError(f"a counter needs at least 2 distinct times, not {distinct.size}")
    usual = float(np.median(np.diff(distinct)))
    moves = np.diff(np.maximum.reduceat(values[order], first))
    rises = int(np.count_nonzero(moves))
    if rises == 0 or rises >= moves.size / 2:
        return usual
    samples = min(_RISES * moves.size / rises, float(np.ptp(times)) / (_CELLS * usual))
    return usual * max(math.ceil(samples), 1)


def _snapped(rates: Floats, widths: Floats, times: Floats, values: Floats) -> Floats:
    """The rates of cells this wide, equal where they differ by rounding alone, since ranks would magnify it."""
    usual = float(np.partition(rates, (rates.size - 1) // 2)[(rates.size - 1) // 2])  # a median that is one of them
    counts = np.abs(values).max() + np.abs(usual) * np.abs(times).max()
    return np.where(np.abs(rates - usual) <= _ROUNDINGS * np.finfo(np.float64).eps * counts / widths, usual, rates)


def _finite(t: ArrayLike, y: ArrayLike, step: float) -> tuple[Floats, Floats]:
    times, values = np.asarray(t, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if times.ndim != 1 or times.shape != values.shape:
        raise SeriesError(f"t and y must have one dimension and the same length, not {times.shape} and {values.shape}")
    if not step > 0:
        raise SeriesError(f"step must be a positive number of seconds, not {step}")
    known = np.isfinite(times) & np.isfinite(values)
    return times[known], values[known]


def _centres(cell: NDArray[np.int64], step: float) -> Floats:
    centres: Floats = (cell.astype(np.float64) + 0.5) * step
    return centres
