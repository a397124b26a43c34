"""Gaps of the load: times of a run without a load process, and the requests that were due then."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from aging.core.quantities import parse_duration
from aging.core.records import Event
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
    began, gone = False, math.nan
    for event in results.lasting_events:
        mine = event.deployment == deployment and event.details.get("replica", 1) == replica
        if mine and event.kind == "load_started":
            began, gone = True, math.nan
        elif event.kind == "campaign_resumed" and began and math.isnan(gone):
            gone = event.details["gone_since"]
        elif mine and event.kind == "load_died" and math.isnan(gone):
            gone = event.stamp.mono
        elif mine and event.kind == "load_resumed" and not math.isnan(gone):
            first = event.details["first"]
            found.append(LoadGap(gone, math.inf if first is None else event.stamp.mono, first))
            gone = math.nan
    return found


def unsent(results: Results, finished: Event, recorded: pd.DataFrame) -> int:
    """Arrivals without a record that were due, or in flight, in a gap of a run's load.

    ``finished`` is the event of the load's end, ``recorded`` its request records (``index`` and ``scheduled``). Such
    arrivals have an index below the first that the next load process sent, and above the last answered before the gap.
    """
    deployment, replica = finished.deployment, finished.details["replica"]
    if recorded.empty or deployment is None:
        return 0
    gaps = load_gaps(results, deployment, replica)
    if not gaps:
        return 0
    load = results.load_of(deployment)
    timeout = 0.0 if load is None else load["timeout"]
    patience = parse_duration(timeout) if isinstance(timeout, str) else float(timeout)
    known, missing = set(recorded["index"]), set[int]()
    for gap in gaps:
        before = recorded[recorded["scheduled"] <= gap.gone - patience]
        begin = 0 if before.empty else int(before["index"].max())
        end = finished.details["requests"] if gap.first is None else gap.first
        missing |= {index for index in range(begin, end or 0) if index not in known}
    return len(missing)
