"""Where the generations of a table's series begin: shown by its source, by its falls, by a sibling, or as a user says.

Falls alone do not say whether a process was restarted or a collector ran. What was made of them is in a note, with
the option that says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from aging.core import format
from aging.findings.asked import Falls
from aging.findings.direction import Worse
from aging.stats import SeriesError, sen_slope
from aging.stats.note import Note
from aging.stats.series.generations import (
    FEWEST_SAMPLES,
    Restart,
    are_restarts,
    counter_resets,
    jumps_at,
    possible_restarts,
    shown_restarts,
)
from aging.tables.series import Floats, TableSeries
from aging.tables.series_unit import unit_of_series

_HOUR = 3600.0
_TOO_SHORT = 0.5
_HEAP = re.compile(r"heap|(^|_)gc(_|$)|jvm|go_memstats|eden|tenured|old_?gen|managed", re.IGNORECASE)
"""Names of memory that a collector empties: there a fall alone is no restart."""

_NO_FALLS = Note(
    "no_falls",
    "--falls restarts: no fall ends at the level at which the series began, after growth over 12 samples or more.",
)


@dataclass(frozen=True, slots=True)
class Restarts:
    """Those that begin generations, ``taken``, and falls that were not ``taken`` but may be restarts, ``open``."""

    taken: tuple[Restart, ...] = ()
    open: tuple[Restart, ...] = ()


def restarts_of(series: TableSeries, sign: float, falls: Falls | None = None) -> Restarts:
    """The restarts of a series whose growth times ``sign`` is the worse; ``falls`` are what a user takes them for.

    None begin generations where most of these are too short to be judged by themselves.
    """
    t, y = series.t, sign * series.y
    if series.counter:
        return Restarts(_long_enough(counter_resets(t, series.y), t.size))
    if series.restarts is not None:
        return Restarts(_long_enough(shown_restarts(t, y, series.restarts), t.size))
    if series.axis.count is not None or falls == "collector":
        return Restarts()
    possible = _long_enough(possible_restarts(t, y), t.size)
    heap = _HEAP.search(series.column) is not None
    if falls == "restarts" or (are_restarts(t, possible, np.inf) if heap else are_restarts(t, possible)):
        return Restarts(possible)
    return Restarts() if heap else Restarts(open=possible)


def with_siblings(series: Sequence[TableSeries], worse: Sequence[Worse], falls: Falls | None) -> list[TableSeries]:
    """The series, each with the restarts that others of its subject show and at which it jumps itself.

    Of one subject are series with the same labels at the same times; ``worse`` is how each gets worse.
    """
    if falls == "collector":
        return list(series)
    groups: dict[tuple[str, int, float, float], list[int]] = {}
    for at, one in enumerate(series):
        if one.t.size and one.axis.count is None:
            key = (repr(sorted(one.labels.items())), one.t.size, one.origin + one.t[0], one.origin + one.t[-1])
            groups.setdefault(key, []).append(at)
    shared = list(series)
    for group in groups.values():
        if len(group) < 2:
            continue
        known = {at: restarts_of(series[at], -1.0 if worse[at] == "down" else 1.0, falls).taken for at in group}
        times = {one.at: series[at].column for at, found in known.items() for one in found}
        for at in group:
            if times and not known[at] and series[at].restarts is None and not series[at].counter:
                jumps = jumps_at(series[at].t, series[at].y, sorted(times))
                if jumps:
                    shared[at] = replace(series[at], restarts=jumps, notes=(*series[at].notes, _beside(times)))
    return shared


def _beside(times: Mapping[float, str]) -> Note:
    names = dict.fromkeys(times.values())
    return Note("restarts_beside", f"Its restarts are those of {', '.join(names)}, at which it jumps as well.")


def falls_notes(series: TableSeries, sign: float, found: Restarts, asked: Falls | None) -> Iterator[Note]:
    """What was made of the falls of a series, and the option that says otherwise."""
    if asked == "restarts" and not found.taken and series.restarts is None and not series.counter:
        yield _NO_FALLS
    if asked is not None:
        return
    if found.taken and all(one.reason == "fall" for one in found.taken):
        yield Note(
            "restarts_by_falls",
            "Only its falls show these restarts. If a garbage collector makes them: aging trend --falls collector.",
        )
    if found.open:
        yield Note("falls_open", _readings(series, sign, found.open))


def _readings(series: TableSeries, sign: float, falls: Sequence[Restart]) -> str:
    verb, moves = ("rose", "falls") if sign < 0 else ("fell", "grows")
    count = "once" if len(falls) == 1 else f"{len(falls)} times"
    begins = [float(series.t[0]), *(one.at for one in falls)]
    every = f", once every {format.readable_duration(float(np.median(np.diff(begins))))}" if len(falls) > 1 else ""
    rate = _rate_within(series.t, series.y, falls)
    size = None if rate is None else format.size(unit_of_series(series), abs(rate) * _HOUR, "h")
    grows = "" if size is None else f" it {moves} by {size} within each:"
    return (
        f"It {verb} {count} to the level of its start{every}: a garbage collector does that, and so do restarts. "
        f"If these are restarts,{grows} aging trend --falls restarts."
    )


def _rate_within(t: Floats, y: Floats, falls: Sequence[Restart]) -> float | None:
    """The median slope a second between ``falls`` of ``y`` at ``t``, both shape (n,)."""
    edges = [0, *(one.index for one in falls), t.size]
    rates = []
    for first, last in pairwise(edges):
        if last - first >= FEWEST_SAMPLES:
            try:
                rates.append(sen_slope(t[first:last], y[first:last]).slope)
            except SeriesError:
                continue
    return float(np.median(rates)) if rates else None


def _long_enough(found: tuple[Restart, ...], n: int) -> tuple[Restart, ...]:
    lengths = np.diff([0, *(one.index for one in found), n])
    short = float(lengths[lengths < FEWEST_SAMPLES].sum())
    return () if found and short > _TOO_SHORT * n else found
