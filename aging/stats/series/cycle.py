"""A daily or weekly cycle of the load, taken out of a series so that a slow growth beside it can be seen.

Harmonics are fitted together with a line and a warm-up. A cycle is taken out only where it is clear: the harmonics
that are fitted without one period say most of that period beforehand, for every period in turn. A day and a week are
tried, from two of them on, the week only where it says clearly more; then the strongest line of the spectrum with 3 to
20 periods. As much of each wave is left as the noise beside it has, because the noise is there as well: without
it, the slow noise of a few periods would be taken for less than it is. A cycle stays in where the slope is no better
known without it: what is left of weeks of five days is slower noise than the weeks are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aging.stats.growth.sawtooth import is_sawtooth
from aging.stats.series.block_medians import block_medians
from aging.stats.series.prepared import Observed
from aging.stats.series.validation import Floats
from aging.stats.slope.interval import interval

DAY, WEEK = 86_400.0, 7 * 86_400.0

_FINEST = 1_000
_FEWEST_PER_PERIOD = 8
_FEWEST_PERIODS = 2.0
_HARMONICS = {WEEK: (1, 2, 3, 7, 14, 21), DAY: (1, 2, 3, 4)}
_OTHER_HARMONICS = (1, 2, 3)
_UNKNOWN_PERIODS = (3, 20)
_FORETOLD, _FORETOLD_OF_UNKNOWN = 0.3, 0.5
_CLEARLY = 0.1
_WARM = 0.08
_MOST_FOLDS = 10
_SLACK = 0.1
_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class _Waves:
    """Harmonics of a period in seconds."""

    period: float
    harmonics: tuple[int, ...]

    @classmethod
    def of(cls, period: float, step: float) -> _Waves | None:
        """Those that samples a ``step`` apart can show; None where a period has too few of them."""
        shown = tuple(k for k in _HARMONICS.get(period, _OTHER_HARMONICS) if 2 * k * step < period)
        return cls(period, shown) if period >= _FEWEST_PER_PERIOD * step else None

    def at(self, t: Floats) -> Floats:
        """Their values, shape (n, 2 k)."""
        angles = 2 * np.pi / self.period * np.outer(t, self.harmonics)
        return np.hstack([np.cos(angles), np.sin(angles)])


@dataclass(frozen=True, slots=True)
class Cycle:
    """The ``period`` in seconds and the distance of the extremes, in the unit of the series."""

    period: float
    height: float


def without_cycle(t: Floats, y: Floats) -> tuple[Cycle | None, Floats]:
    """The cycle of ``y`` at ``t`` seconds, both shape (n,), t increasing, and the series without it, shape (n,).

    (None, ``y``) where no cycle is clear, where the interval of the slope is no narrower without it, and for the
    sawtooth of a collector.
    """
    found = clear_cycle(t, y)
    if found is None or _width(*block_medians(t, found[1], _FINEST)) >= _width(*block_medians(t, y, _FINEST)):
        return None, y
    return found


def clear_cycle(t: Floats, y: Floats) -> tuple[Cycle, Floats] | None:
    """As :func:`without_cycle`, whatever becomes of the interval of the slope; None where no cycle is clear."""
    if t.size < 2 * _FEWEST_PER_PERIOD or not t[-1] > t[0] or is_sawtooth(y):
        return None
    coarse, levels = block_medians(t, y, _FINEST)
    levels = levels - levels.mean()
    span = float(coarse[-1] - coarse[0])
    if not np.ptp(levels) > 0 or span <= 0:
        return None
    step = float(np.median(np.diff(coarse)))
    found = _clearest(coarse, levels, step, span)
    if found is None:
        return None
    cycle = found.at(t) @ _heights(coarse, levels, found)
    return Cycle(found.period, float(np.ptp(cycle))), y - cycle


def _width(t: Floats, y: Floats) -> float:
    found = interval(Observed.of(t, y), _CONFIDENCE)
    return found.high - found.low


def _clearest(t: Floats, y: Floats, step: float, span: float) -> _Waves | None:
    """The waves that foretell the series, of a week, a day or another period; None where none do."""
    known = [_Waves.of(period, step) for period in (DAY, WEEK) if _FEWEST_PERIODS * period <= span + step]
    best, most = None, _FORETOLD - _CLEARLY
    for waves in known:
        told = 0.0 if waves is None else _foretells(t, y, waves, most + _CLEARLY)
        if told >= most + _CLEARLY:
            best, most = waves, told
    unknown = _strongest(t, y, span) if best is None else None
    waves = None if unknown is None else _Waves.of(unknown, step)
    if waves is not None and _foretells(t, y, waves, _FORETOLD_OF_UNKNOWN) >= _FORETOLD_OF_UNKNOWN:
        return waves
    return best


def _heights(t: Floats, y: Floats, waves: _Waves) -> Floats:
    """Of the waves, fitted together with the course, each less the height of the noise at its frequency; (2 k,)."""
    course, shown = _course(t), waves.at(t)
    design = np.hstack([course, shown])
    found = np.linalg.lstsq(design, y, rcond=None)[0]
    rest = y - design @ found
    cosines, sines = np.split(np.asarray(found[course.shape[1] :], dtype=np.float64), 2)
    place = (t - t[0]) / (t[-1] - t[0])
    counts = np.array(waves.harmonics) * (t[-1] - t[0]) / waves.period
    beside = np.concatenate([counts - 1, counts + 1])
    power = np.abs(np.exp(-2j * np.pi * np.outer(beside, place)) @ rest) ** 2 * (2 / t.size) ** 2
    noise = np.sqrt(power.reshape(2, -1).max(axis=0)) * (1 + waves.period / (t[-1] - t[0]))
    kept = np.maximum(1 - noise / np.maximum(np.hypot(cosines, sines), 1e-300), 0.0)
    return np.concatenate([kept * cosines, kept * sines])


def _course(t: Floats) -> Floats:
    """A line and a warm-up, shape (n, 3)."""
    place = (t - t[0]) / (t[-1] - t[0])
    return np.column_stack([np.ones(t.size), place, np.exp(-place / _WARM)])


def _foretells(t: Floats, y: Floats, tried: _Waves, least: float) -> float:
    """The least share of a period's variation about the course that harmonics of the other periods say beforehand.

    0 where harmonics of all periods say so much less than ``least`` that those of the others cannot say it.
    """
    course, waves = _course(t), tried.at(t)
    design = np.hstack([course, waves])
    count = course.shape[1]
    fold = ((t - t[0]) / tried.period).astype(np.int64)
    folds = np.unique(fold)
    if folds.size > _MOST_FOLDS:
        fold = fold * _MOST_FOLDS // folds.size
        folds = np.unique(fold)
    gram, moment = design.T @ design, design.T @ y
    whole = _solved(gram, moment)
    rest = y - course @ whole[:count]
    if _within(fold, rest - waves @ whole[count:]) > (1 - least + _SLACK) * _within(fold, rest):
        return 0.0
    told = variation = 0.0
    for one in folds:
        out = fold == one
        if np.count_nonzero(~out) < 2 * design.shape[1] or np.count_nonzero(out) < _FEWEST_PER_PERIOD // 2:
            continue
        part = design[out]
        found = _solved(gram - part.T @ part, moment - part.T @ y[out])[count:]
        there = rest[out] - rest[out].mean()
        said = waves[out] @ found
        told += float(((there - (said - said.mean())) ** 2).sum())
        variation += float((there**2).sum())
    return 1 - told / variation if variation > 0 else 0.0


def _within(fold: NDArray[np.int64], y: Floats) -> float:
    """The squares about the means of the folds, which are in order."""
    firsts = np.flatnonzero(np.append(True, fold[1:] != fold[:-1]))
    sizes = np.diff(np.append(firsts, y.size))
    return float(y @ y - (np.add.reduceat(y, firsts) ** 2 / sizes).sum())


def _solved(gram: Floats, moment: Floats) -> Floats:
    """The least squares of normal equations, whose columns are of one size."""
    return np.asarray(np.linalg.lstsq(gram, moment)[0], dtype=np.float64)


def _strongest(t: Floats, y: Floats, span: float) -> float | None:
    """The period of the strongest line of the spectrum, of those with 3 to 20 periods."""
    course = _course(t)
    rest = y - course @ np.linalg.lstsq(course, y, rcond=None)[0]
    counts = np.arange(_UNKNOWN_PERIODS[0], _UNKNOWN_PERIODS[1] + 0.01, 0.25)
    power = np.abs(np.exp(-2j * np.pi * np.outer(counts, (t - t[0]) / span)) @ rest) ** 2
    best = int(np.argmax(power))
    return span / float(counts[best]) if power[best] > 0 else None
