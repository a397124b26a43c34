"""When no load process drove a run that was under way, and the arrivals that were due then: no server failed them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from aging.model import Event
from aging.quantities import parse_duration
from aging.store.results import Results


def undriven(results: Results, deployment: str, replica: int) -> Sequence[tuple[float, float]]:
    """The stretches of a run without a load process, in monotonic seconds.

    From when one had gone until the next could send; to infinity where nothing was left to send by then. What ages by
    its load stands still meanwhile, and says nothing of how it ages under it.
    """
    found: list[tuple[float, float]] = []
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
            found.append((gone, math.inf if event.details["first"] is None else event.stamp.mono))
            gone = math.nan
    return found


def unsent(results: Results, finished: Event, recorded: pd.DataFrame) -> int:
    """Arrivals without a record that were due, or in flight, when one load process had gone and the next had not come.

    ``finished`` is how the run's load ended, ``recorded`` what it left (``index`` and ``scheduled``). Such have an
    index below the first that the next one sent, and above the last that was answered before the gap.
    """
    deployment, replica = finished.deployment, finished.details["replica"]
    if recorded.empty or deployment is None or not any(event.kind == "load_resumed" for event in results.events):
        return 0
    load = results.load_of(deployment)
    known, gone_since, missing = set(recorded["index"]), None, set[int]()
    told = 0.0 if load is None else load["timeout"]
    patience = parse_duration(told) if isinstance(told, str) else float(told)
    for event in results.lasting_events:
        mine = event.deployment == deployment and event.details["replica"] == replica
        if event.kind == "campaign_resumed":
            gone_since = event.details["gone_since"]
        elif mine and event.kind == "load_died":
            gone_since = event.stamp.mono
        elif mine and event.kind == "load_resumed" and gone_since is not None:
            before = recorded[recorded["scheduled"] <= gone_since - patience]
            begin = 0 if before.empty else int(before["index"].max())
            end = finished.details["requests"] if event.details["first"] is None else event.details["first"]
            missing |= {index for index in range(begin, end or 0) if index not in known}
    return len(missing)
