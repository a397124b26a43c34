"""What happened before an observation: since when its load may have run, and how far a verdict hangs on that.

A process may have run for days before it is observed, under the same load, under another, or idle. Of growth that does
not accelerate the level says how long it can have gone on at most: what had grown before is at least the present rate
times that time, and cannot be more than the level. That, or the age of the process where it is less, is the earliest
start of load; a growth that is sustained from there is sustained from any later one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aging.core.format import readable_duration
from aging.core.metrics import ages_downwards, resolution
from aging.findings.series import Before, Series
from aging.findings.types import Finding
from aging.stats import SeriesError
from aging.stats.growth.load_start_sensitivity import sustained_until
from aging.stats.note import Note

_OPEN = "growth_open"
_OLD = 10.0
"""A start of load this many windows ago is far."""


def with_load_start(finding: Finding, series: Sequence[Series]) -> Finding:
    """The finding with what is known of the start of load, where its verdict hangs on it.

    An undecided growth says from which start on it would be sustained. A growth that is called aging because of a
    start that was given, and would be undecided from an earlier one that the process is old enough for, says until
    which start that holds.
    """
    own = [one for one in series if (one.owner, one.indicator) == (finding.deployment, finding.indicator)]
    first = max((one for one in own if one.before is not None), key=lambda one: one.t.size, default=None)
    if first is None or first.before is None or ages_downwards(finding.indicator):
        return finding
    note = None
    if finding.verdict == "inconclusive" and _OPEN in finding.note_codes:
        note = _open(first, first.before)
    elif finding.verdict == "aging":
        note = _given(first, first.before) or _old(first, first.before)
    return finding if note is None else finding.with_notes([*finding.noted(), note])


def _open(series: Series, before: Before) -> Note | None:
    """From which start on an undecided growth would be sustained."""
    if before.age < float(series.t[-1] - series.t[0]):
        return None  # most of its life was seen
    until = _sustained_until(series, before)
    if until is None:
        return None
    hint = f"write --load-start {_short(until)} if it began then" if until >= 1 else "write --load-start now if so"
    return Note(
        "load_start_open",
        f"The process had run {readable_duration(before.age)} before the observation. If its load began at most"
        f" {readable_duration(until)} before it, the growth is sustained ({hint}); if earlier, it may be slowing down.",
    )


def _given(series: Series, before: Before) -> Note | None:
    """Until which start the verdict holds, where it is one of a start that was given."""
    if before.assumed >= before.possible:
        return None
    until = _sustained_until(series, before)
    if until is None or until >= before.possible:
        return None
    return Note(
        "load_start_given",
        f"This holds if load began at most {readable_duration(until)} before the observation; the process had run"
        f" {readable_duration(before.age)}.",
    )


def _old(series: Series, before: Before) -> Note | None:
    """What a short look at an old process cannot see."""
    window = float(series.t[-1] - series.t[0])
    if min(before.assumed, before.possible) < _OLD * window:
        return None
    return Note(
        "old_process",
        f"The process had run {readable_duration(before.age)} before the observation: growth that slows down over such"
        f" a time looks steady for {readable_duration(window)}.",
    )


def _sustained_until(series: Series, before: Before) -> float | None:
    least = resolution(series.indicator, float(np.median(np.abs(series.y))))
    try:
        return sustained_until(series.t - before.assumed, series.y, before.possible, least)
    except SeriesError:
        return None


def _short(seconds: float) -> str:
    return f"{int(seconds)}s" if seconds < 600 else f"{int(seconds // 60)}m"
