"""Where a series begins again because its process was restarted, told from the sawtooth of a collector.

A restart that the source shows (another process id or start time, an uptime or a counter that fell) needs no rule.
Of a series alone, a fall is a restart if all of these hold:

1. It takes at most two samples, is at least 0.3 of the range of the series and ten usual moves from one sample to the
   next, and is not made up for at once.
2. It ends at the level at which the series, or one of its earlier generations, began: no more than a quarter of the
   fall above the lowest of these; half of it after a sampling gap. The floor of a collector lies above the level at
   which its process began.
3. The generation before it has at least 12 samples, and either still rose in its second half, by a tenth of the fall
   or more and not by a jump, or had been filled at once (within its first tenth) and so is the next: a server fills
   when it starts, a batch job begins and ends.
4. Three of four generations last three hours or more. A sampling gap at the fall, while the process was down, is as
   good. A collector works in seconds to minutes, a compaction every two hours; one that takes longer cannot be told
   from a restart by its series: neither by how regular the falls are nor by their levels.
5. Most of the large falls are of this kind: other falls as large are those of a collector or of the load.

How often each kind is taken for the other: docs/methods.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from aging.stats.series.validation import Floats

Reason = Literal["process", "counter", "gap", "fall"]
"""How it is known: the source shows it, the counter fell, a fall across a sampling gap, a fall alone."""

FEWEST_SAMPLES = 12
LEAST_SECONDS = 3 * 3600.0
"""Shortest usual generation, in seconds, for which a fall alone counts as a restart."""

_WIDTH = 3
_LARGE = 0.3
_NEAR = 0.25
_MOVES = 10.0
_NEAR_AFTER_GAP = 0.5
_STILL_RISES, _JUMP, _TENTH = 0.1, 0.5, 10
_SHORT = 0.25
_GAP = 2.5
_USUAL = (0.01, 0.99)


@dataclass(frozen=True, slots=True)
class Restart:
    """The first sample of a generation but the first: its ``index`` and time ``at``; levels ``before`` and ``after``.

    Levels are medians of three samples.
    """

    index: int
    at: float
    reason: Reason
    before: float
    after: float


def shown_restarts(t: Floats, y: Floats, at: Sequence[float]) -> tuple[Restart, ...]:
    """The restarts of ``y`` at ``t``, both shape (n,), that the source shows: generations begin at the times ``at``."""
    places = np.unique(np.searchsorted(t, np.asarray(at, dtype=np.float64)))
    return tuple(_restart(t, y, int(place), "process") for place in places if 0 < place < t.size)


def counter_resets(t: Floats, y: Floats) -> tuple[Restart, ...]:
    """The restarts of the cumulative count ``y`` at ``t``, both shape (n,): it falls nowhere else."""
    return tuple(_restart(t, y, int(place) + 1, "counter") for place in np.flatnonzero(np.diff(y) < 0))


def found_restarts(t: Floats, y: Floats, least_seconds: float = LEAST_SECONDS) -> tuple[Restart, ...]:
    """The restarts of ``y`` at ``t`` seconds, both shape (n,), increasing, by the rules above.

    ``least_seconds`` infinite asks for a sampling gap at every fall, as for the heap of a collector.
    """
    possible = possible_restarts(t, y)
    return possible if are_restarts(t, possible, least_seconds) else ()


def possible_restarts(t: Floats, y: Floats) -> tuple[Restart, ...]:
    """The falls of ``y`` at ``t`` seconds, both shape (n,), increasing, that are restarts or those of a collector.

    All rules above hold but the fourth.
    """
    if t.size < 2 * FEWEST_SAMPLES:
        return ()
    levels = _Levels.of(y)
    low, high = np.quantile(y, _USUAL)
    least = max(_LARGE * float(high - low), _LARGE**2 * float(np.ptp(y)), _MOVES * float(np.median(np.abs(np.diff(y)))))
    falls = _large_falls(levels.before - levels.after, least)
    if not falls.size:
        return ()
    gaps = _gaps(t)
    kept = _ends_of_lives(_to_start_level(falls, levels, gaps), levels)
    if 2 * len(kept) <= falls.size:
        return ()
    at_gap = gaps[np.array(kept) - 1]
    by_gap = 2 * np.count_nonzero(at_gap) >= len(kept) >= np.count_nonzero(gaps) - len(kept)
    return tuple(
        _restart(t, y, place, "gap" if by_gap and gap else "fall") for place, gap in zip(kept, at_gap, strict=True)
    )


def are_restarts(t: Floats, possible: Sequence[Restart], least_seconds: float = LEAST_SECONDS) -> bool:
    """Whether the fourth rule holds of the ``possible`` restarts of a series at ``t`` seconds, shape (n,)."""
    if not possible:
        return False
    lengths = np.diff([t[0], *(one.at for one in possible)])
    return any(one.reason == "gap" for one in possible) or float(np.quantile(lengths, _SHORT)) >= least_seconds


def jumps_at(t: Floats, y: Floats, at: Sequence[float]) -> tuple[float, ...]:
    """Those of the times ``at`` at which ``y`` at ``t``, both shape (n,), jumps, up or down, as at a restart.

    Empty unless it jumps at most of them. A jump is as large as rule 1 asks for, one sample away at most.
    """
    if t.size < 2 * FEWEST_SAMPLES or not np.ptp(y) > 0:
        return ()
    levels = _Levels.of(y)
    moves = np.nan_to_num(np.abs(levels.after - levels.before))
    least = max(_LARGE * float(np.ptp(y)), _MOVES * float(np.median(np.abs(np.diff(y)))))
    places = np.clip(np.searchsorted(t, np.asarray(at, dtype=np.float64)), 1, t.size - 2)
    around = np.stack([places - 1, places, places + 1])
    sharpest = np.argmax(np.abs(y[around] - y[around - 1]), axis=0)
    largest = np.take_along_axis(around, sharpest[None], axis=0)[0]
    jumps = largest[moves[largest] >= least]
    return tuple(t[np.unique(jumps)].tolist()) if 2 * jumps.size > places.size else ()


def _gaps(t: Floats) -> NDArray[np.bool_]:
    steps = np.diff(t)
    return steps > _GAP * float(np.median(steps))


def _restart(t: Floats, y: Floats, place: int, reason: Reason) -> Restart:
    before, after = float(np.median(y[max(place - _WIDTH, 0) : place])), float(np.median(y[place : place + _WIDTH]))
    return Restart(place, float(t[place]), reason, before, after)


@dataclass(frozen=True, slots=True)
class _Levels:
    """Values ``y`` with the medians of the three samples before each and from each on; NaN where there are not three.

    All have shape (n,).
    """

    y: Floats
    before: Floats
    after: Floats

    @classmethod
    def of(cls, y: Floats) -> _Levels:
        medians = np.median(sliding_window_view(y, _WIDTH), axis=1)
        missing = np.full(_WIDTH - 1, np.nan)
        return cls(y, np.concatenate([[np.nan], missing, medians[:-1]]), np.concatenate([medians, missing]))


def _large_falls(drops: Floats, least: float) -> NDArray[np.intp]:
    """Where the drops are at least that large and the largest of their neighbourhood."""
    there = np.where(np.isfinite(drops), drops, -np.inf)
    padded = np.pad(there, _WIDTH, constant_values=-np.inf)
    around = sliding_window_view(padded, 2 * _WIDTH + 1).max(axis=1)
    places = np.flatnonzero((there >= least) & (there == around) & (there > 0))
    return places[np.append(True, np.diff(places) > _WIDTH)] if places.size else places


def _to_start_level(falls: NDArray[np.intp], levels: _Levels, gaps: NDArray[np.bool_]) -> list[int]:
    lowest, kept = float(levels.after[0]), []
    for fall in falls.tolist():
        before, after = float(levels.before[fall]), float(levels.after[fall])
        if after <= lowest + (_NEAR_AFTER_GAP if gaps[fall - 1] else _NEAR) * (before - after):
            kept.append(fall)
            lowest = min(lowest, after)
    return kept


def _ends_of_lives(falls: Sequence[int], levels: _Levels) -> list[int]:
    """The falls that end a generation as a process does: still rising, or filled as soon as it had started."""
    kept: list[int] = []
    for fall, following in zip(falls, [*falls, levels.y.size][1:], strict=True):
        start = kept[-1] if kept else 0
        if fall - start >= FEWEST_SAMPLES and (
            _still_rises(levels, start, fall) or _fills_at_once(levels, start, fall, following)
        ):
            kept.append(fall)
    return kept


def _still_rises(levels: _Levels, start: int, fall: int) -> bool:
    size, top = fall - start, float(levels.before[fall])
    drop = top - float(levels.after[fall])
    middle = float(np.median(levels.y[start + size * 2 // 5 : start + size * 3 // 5]))
    late = slice(start + max(size // _TENTH, _WIDTH), fall - _WIDTH + 1)
    jump = float(np.max(levels.after[late] - levels.before[late], initial=0.0))
    return top - middle >= _STILL_RISES * drop and jump < _JUMP * drop


def _fills_at_once(levels: _Levels, start: int, fall: int, following: int) -> bool:
    size, top, floor = fall - start, float(levels.before[fall]), float(levels.after[fall])
    half = (top + floor) / 2
    filled = float(np.median(levels.y[start + size // _TENTH : fall])) > half
    soon = levels.y[fall : min(fall + max(size // _TENTH, _WIDTH), following)]
    began_low = start == 0 or float(levels.after[start]) < half
    return filled and began_low and float(np.max(soon)) > half and float(levels.y[start + size // _TENTH]) > half
