"""The axis on which growth is judged: the clock, or the work that explains the growth better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aging.stats.growth.attribution import driver_criterion
from aging.stats.series.validation import Floats

CLOCK = "seconds"
_FROM = 0.1
"""Share of the window left out of the comparison: what a warm-up does follows neither."""
_CLEAR = 2.0
_FEWEST = 24
_PAUSE = 10.0


@dataclass(frozen=True, slots=True)
class Axis:
    """Values ``y`` at places ``x``, both shape (n,), of an axis with this ``name``: seconds, requests, tokens.

    ``seconds`` are the times of the samples; ``per_second`` is how far the axis moved a second over the second half,
    pauses left out.
    """

    name: str
    x: Floats
    y: Floats
    seconds: Floats
    per_second: float


def choose_axis(t: Floats, y: Floats, work: Mapping[str, Floats]) -> Axis:
    """Return the clock ``t`` unless a cumulative count of ``work``, each shape (n,), explains ``y`` clearly better.

    Better: an information criterion of the whitened regression that is lower by more than 2 (Kass and Raftery 1995).
    On an axis of work, samples between which none was done fall together, and the last of them is kept.
    """
    kept = t >= t[0] + _FROM * (t[-1] - t[0])
    candidates = {name: counted for name, counted in work.items() if _usable(counted, kept)}
    name = CLOCK
    if candidates and np.ptp(y[kept]) > 0:
        lowest = driver_criterion(t[kept], y[kept]) - _CLEAR
        for candidate, counted in candidates.items():
            criterion = driver_criterion(counted[kept], y[kept])
            if criterion < lowest:
                name, lowest = candidate, criterion
    if name == CLOCK:
        return Axis(CLOCK, t, y, t, 1.0)
    counted = candidates[name]
    moved = np.append(np.diff(counted) > 0, True) & (counted > 0)
    x, seconds = counted[moved], t[moved]
    return Axis(name, x, y[moved], seconds, _pace(x, seconds))


def _pace(x: Floats, seconds: Floats) -> float:
    """The work a second over the second half, without pauses: more than ten times the usual time between samples."""
    half = x.size // 2
    done, spans = np.diff(x[half:]), np.diff(seconds[half:])
    busy = spans <= _PAUSE * float(np.median(np.diff(seconds)))
    busy |= not np.any(busy)
    return float(done[busy].sum() / max(float(spans[busy].sum()), 1e-300))


def _usable(counted: Floats, kept: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> bool:
    steps = np.diff(counted)
    return bool(np.all(steps >= 0) and np.count_nonzero(steps[kept[1:]] > 0) >= _FEWEST)
