"""Gaps of the load: times of a run without a load process, and the requests that were due then."""

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

    It begins when a load process or its runner ended (``gone``) and ends when the next one could send; ``back`` is
    infinite where no request remained, and ``first`` the index of the first request that the next one sent, if any.
    Samples in a gap show nothing about aging under load.
    """

    gone: float
    back: float
    first: int | None


def load_gaps(results: Results, deployment: str, replica: int) -> Sequence[LoadGap]:
    """The gaps of one run, of its last attempt where it was repeated.

    A gap begins with the first event of an end and ends when a load process resumes: a runner found gone after its
    load process had died does not begin a second gap.
    """
    found: list[LoadGap] = []
    began, gone, finished = False, math.nan, math.inf
    for event in results.lasting_events:
        mine = event.of_run(deployment, replica)
        match event:
            case LoadStarted() if mine:
                began, gone, finished = True, math.nan, math.inf
            case LoadFinished() if mine:  # an interrupt ends the load before the runner
                finished = event.stamp.mono
            case CampaignResumed() if began and math.isnan(gone):
                gone = min(event.gone_since, finished)
            case LoadDied() if mine and math.isnan(gone):
                gone = event.stamp.mono
            case LoadResumed(first=first) if mine and not math.isnan(gone):
                found.append(LoadGap(gone, math.inf if first is None else event.stamp.mono, first))
                gone, finished = math.nan, math.inf
    return found


def unsent(results: Results, finished: LoadFinished | LoadDied, recorded: pd.DataFrame) -> int:
    """Arrivals without a record that were due, or in flight, in a gap of a run's load.

    ``finished`` is the event of the load's end, ``recorded`` its request records (``index`` and ``scheduled``). Such
    arrivals have an index below the first that the next load process sent, and above the last answered before the gap.
    """
    deployment, replica = finished.deployment, finished.replica
    gaps = load_gaps(results, deployment, replica)
    if not gaps:
        return 0
    load = results.manifest.load_of(deployment)
    patience = 0.0 if load is None else load.timeout_seconds
    if recorded.empty:  # without its columns: the load ended before its first request
        recorded = pd.DataFrame({"index": [], "scheduled": []})
    known, missing = set(recorded["index"]), set[int]()
    for gap in gaps:
        before = recorded[recorded["scheduled"] <= gap.gone - patience]
        begin = 0 if before.empty else int(before["index"].max())
        end = finished.requests if gap.first is None else gap.first
        missing |= {index for index in range(begin, end or 0) if index not in known}
    return len(missing)
