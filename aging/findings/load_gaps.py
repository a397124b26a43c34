"""When no load process drove a run that was under way, and the arrivals that were due then: no server failed them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from aging.store.events import CampaignResumed, LoadDied, LoadFinished, LoadResumed, LoadStarted
from aging.store.results import Results


@dataclass(frozen=True, slots=True)
class LoadGap:
    """A stretch of a run without a load process, in monotonic seconds.

    From when one had ended, or its runner had, to when the next could send; ``back`` is infinite where nothing was left
    to send by then, and ``first`` the index of the first request that the next one sent, if any. What ages by its load
    does not age in a gap, and says nothing there of how it ages under load.
    """

    gone: float
    back: float
    first: int | None


def load_gaps(results: Results, deployment: str, replica: int) -> Sequence[LoadGap]:
    """The gaps of one run, of its last attempt where it was repeated.

    A gap begins with the first event that tells of an end, and ends when a load process goes on: a runner that is
    found gone after its load process had died does not begin it anew.
    """
    found: list[LoadGap] = []
    began, gone = False, math.nan
    for event in results.lasting_events:
        mine = event.of_run(deployment, replica)
        match event:
            case LoadStarted() if mine:
                began, gone = True, math.nan
            case CampaignResumed() if began and math.isnan(gone):
                gone = event.gone_since
            case LoadDied() if mine and math.isnan(gone):
                gone = event.stamp.mono
            case LoadResumed(first=first) if mine and not math.isnan(gone):
                found.append(LoadGap(gone, math.inf if first is None else event.stamp.mono, first))
                gone = math.nan
    return found


def unsent(results: Results, finished: LoadFinished | LoadDied, recorded: pd.DataFrame) -> int:
    """Arrivals without a record that were due, or in flight, in a gap of a run's load.

    ``finished`` is how the load ended, ``recorded`` what it left (``index`` and ``scheduled``). Such have an index
    below the first that the next load process sent, and above the last that was answered before the gap.
    """
    deployment, replica = finished.deployment, finished.replica
    if recorded.empty:
        return 0
    gaps = load_gaps(results, deployment, replica)
    if not gaps:
        return 0
    load = results.manifest.load_of(deployment)
    patience = 0.0 if load is None else load.timeout_seconds
    known, missing = set(recorded["index"]), set[int]()
    for gap in gaps:
        before = recorded[recorded["scheduled"] <= gap.gone - patience]
        begin = 0 if before.empty else int(before["index"].max())
        end = finished.requests if gap.first is None else gap.first
        missing |= {index for index in range(begin, end or 0) if index not in known}
    return len(missing)
