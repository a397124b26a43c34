"""What every chart of a run shares: its events, its warm-ups, and what its times count from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from aging.findings.series import Window
from aging.report.charts.cells import distinct
from aging.report.charts.chart import Mark, MarkKind
from aging.store.events import DeploymentDied, DeploymentStarted, Event, RejuvenationStarted
from aging.store.results import Results

ORIGIN = "the load began"
_WATCHED = "the watch began"
_KINDS: dict[type[Event], MarkKind] = {
    DeploymentDied: "died",
    RejuvenationStarted: "rejuvenated",
    DeploymentStarted: "restarted",
}
_MOST_MARKS = 200


def origin(results: Results, runs: Iterable[tuple[str, int]]) -> str:
    """What the times of these runs count from."""
    return _WATCHED if all(results.state.runs[run].watched for run in runs) else ORIGIN


def planned_seconds(results: Results, deployment: str, replica: int) -> float:
    """How long the run was to last; 0 where that is not known."""
    return results.state.runs[deployment, replica].planned_seconds or 0.0


def marks(results: Results, deployment: str, replica: int, window: Window) -> Sequence[Mark]:
    """The deaths, restarts and rejuvenations of a run; of thousands one a place of the chart."""
    found: list[Mark] = []
    for event in results.events:
        kind = _KINDS.get(type(event))
        if kind is None or not event.of_run(deployment, replica):
            continue
        at = event.stamp.mono - window.load_start
        if at < 0 or (kind == "restarted" and found and found[-1].kind == "rejuvenated"):
            continue  # the restart is part of the rejuvenation
        found.append(Mark(kind, at, kind))
    return found if len(found) <= _MOST_MARKS else _fewer(found, window)


def _fewer(found: Sequence[Mark], window: Window) -> Sequence[Mark]:
    width = (window.load_end - window.load_start) / _MOST_MARKS
    fewer = []
    for kind in dict.fromkeys(mark.kind for mark in found):
        at, counts = distinct(np.array([mark.at for mark in found if mark.kind == kind]), width)
        fewer += [
            Mark(kind, one, f"{kind} {count} times" if count > 1 else kind)
            for one, count in zip(at.tolist(), counts.astype(int).tolist(), strict=True)
        ]
    return sorted(fewer, key=lambda mark: mark.at)
