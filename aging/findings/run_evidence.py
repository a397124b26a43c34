"""How a run went, as numbers: from its journal events, samples and request records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from aging.findings.latencies import lateness
from aging.findings.load_gaps import load_gaps, unsent
from aging.findings.rejuvenation.spans import spans_of
from aging.findings.series import Floats
from aging.store.events import (
    ClockStepped,
    DeploymentDied,
    DeploymentStopped,
    Event,
    HostSuspended,
    LoadDied,
    LoadFinished,
    RejuvenationCompleted,
    RejuvenationFailed,
    RetryJudgeFailed,
)
from aging.store.results import Results
from aging.store.state import Phase, RunState

_GAP_SECONDS = 5.0
"""Shorter gaps hide nothing that grows over hours."""

_GAP_TICKS = 2.5

_REQUESTS = ("index", "status", "sent", "scheduled", "held")

Ending = Literal["whole", "early", "decided", "on request", "unknown"]
"""``whole``: it reached its planned end. ``early``: it ended by itself. ``decided``: an early look failed the gate.
``on request``: the campaign was interrupted. ``unknown``: no end is recorded; it runs, or its runner was killed."""

_ON_PURPOSE: Mapping[Phase, Ending] = {"decided": "decided", "interrupted": "on request", "draining": "on request"}


@dataclass(frozen=True, slots=True)
class Evidence:
    """The evidence of one run. Times are seconds; a share that does not apply is None.

    ``window`` is the part of it that was planned for the analysis, ``measured`` how much of that was sampled under
    load. ``late`` is the 99th percentile of how late requests were sent.
    ``restarts`` are server restarts other than rejuvenations, ``ordered`` those of them after the campaign had stopped
    the server: it was interrupted, and resumed. ``unjudged``: the process that decides whether a run is
    repeated crashed.
    """

    began: bool
    ending: Ending
    lasted: float
    planned: float
    window: float
    measured: float
    samples: int
    why: str | None = None
    due: int = 0
    requests: int = 0
    failed: int = 0
    late: float = 0.0
    restarts: int = 0
    ordered: int = 0
    suspended: float = 0.0
    clock_step: float = 0.0
    other_schedule: bool = False
    unjudged: bool = False

    @property
    def measured_share(self) -> float | None:
        return self.measured / self.window if self.window > 0 else None

    @property
    def failed_share(self) -> float | None:
        return self.failed / max(self.due, self.requests) if self.due or self.requests else None


def evidence_of(results: Results, deployment: str, replica: int) -> Evidence:
    """The evidence of one run in a result directory, of its last attempt where it was repeated."""
    run = results.state.runs.get((deployment, replica), RunState())
    events = results.events_of(deployment, replica)
    unjudged = any(isinstance(event, RetryJudgeFailed) for event in events)
    why = next((event.why for event in reversed(events) if isinstance(event, DeploymentDied)), None)
    if run.load_start is None or run.planned_seconds is None:
        planned = results.manifest.campaign.duration_seconds
        return Evidence(
            began=False,
            ending="early",
            lasted=0.0,
            planned=planned,
            window=planned,
            measured=0.0,
            samples=0,
            why=why,
            unjudged=unjudged,
        )
    # Of weeks at 1 Hz only the times and generations of the process tree's samples are read.
    samples = results.tree(deployment, replica, columns=("mono", "generation"))
    seen = np.sort(samples["mono"].to_numpy(dtype=np.float64)) if not samples.empty else np.empty(0)
    driven = seen
    for gap in load_gaps(results, deployment, replica):
        driven = driven[(driven <= gap.gone) | (driven >= gap.back)]
    planned_end = run.load_start + run.planned_seconds
    finished = next((event for event in reversed(events) if isinstance(event, LoadFinished | LoadDied)), None)
    died_load = finished if isinstance(finished, LoadDied) else None
    ending, end = _ending(results, run, planned_end, seen, load_died=died_load is not None)
    began = run.load_start + (results.manifest.campaign.warmup_seconds or 0.0)
    # A run that is not over, or was ended by a look, is measured against its own end.
    last = min(planned_end, end) if ending in ("unknown", "decided") else planned_end
    requests = results.requests(deployment, replica, columns=_REQUESTS)
    arrived = (finished.requests if finished else None) or 0
    # Requests due while no load process ran are a gap of the harness, and no failures.
    arrived -= 0 if finished is None else unsent(results, finished, requests)
    around = [event for event in results.events if run.load_start <= event.stamp.mono <= max(end, run.load_start)]
    restarts = _restarts(samples, events)
    planned_hash = results.manifest.schedule_hashes.get(f"{deployment}/r{replica:02d}")
    return Evidence(
        began=True,
        ending=ending,
        lasted=max(end - run.load_start, 0.0),
        planned=run.planned_seconds,
        window=max(last - began, 0.0),
        measured=_sampled_seconds(driven, began, min(last, end), _restarting(events)),
        samples=seen.size,
        why=_why(why, died_load, run),
        due=arrived,
        requests=len(requests),
        # The last request may not have been sent before the stop.
        failed=_failure_count(requests) + max(arrived - len(requests) - 1, 0),
        late=lateness(requests),
        restarts=len(restarts),
        ordered=len(restarts & _stopped(events)),
        suspended=sum(event.seconds for event in around if isinstance(event, HostSuspended)),
        clock_step=max((abs(event.seconds) for event in around if isinstance(event, ClockStepped)), default=0.0),
        other_schedule=ending == "whole" and run.driven and finished is not None and _differs(finished, planned_hash),
        unjudged=unjudged,
    )


def _why(death: str | None, died_load: LoadDied | None, run: RunState) -> str | None:
    if death is None and died_load is not None:
        return f"the load process ended: {died_load.exit}"
    if death is None and run.cut_short:
        return "the runner was down for the rest of its time"
    return death


def _ending(
    results: Results, run: RunState, planned_end: float, seen: Floats, *, load_died: bool
) -> tuple[Ending, float]:
    """How the run ended, and when it did, in monotonic seconds."""
    if run.died is not None and run.died < planned_end:
        return "early", run.died
    if run.load_end is None:
        last = float(seen[-1]) if seen.size else planned_end
        # A second interrupt ends the runner before it has written the ends of its runs.
        return "on request" if results.state.phase == "interrupted" else "unknown", last
    end = min(run.load_end, planned_end)
    if load_died or run.cut_short:
        return "early", end
    if end < planned_end and (why := _ON_PURPOSE.get(results.state.phase)):
        return why, end
    return "whole", planned_end  # the last arrival of a schedule may come before its end


def _sampled_seconds(seen: Floats, began: float, end: float, restarting: float) -> float:
    """Seconds between ``began`` and ``end`` without gaps in the samples, those of planned restarts not counted."""
    inside = seen[(seen >= began) & (seen <= end)]
    if inside.size < 2:
        return 0.0
    interval = float(np.median(np.diff(inside)))
    gaps = np.diff(np.concatenate([[began], inside, [end]])) - interval
    lost = float(gaps[gaps > max(_GAP_SECONDS, _GAP_TICKS * interval) - interval].sum())
    return end - began - max(lost - restarting, 0.0)


def _restarting(events: Sequence[Event]) -> float:
    return sum(event.seconds for event in events if isinstance(event, RejuvenationCompleted | RejuvenationFailed))


def _failure_count(requests: pd.DataFrame) -> int:
    return 0 if requests.empty else int(requests["status"].isin(["error", "dropped"]).sum())


def _restarts(samples: pd.DataFrame, events: Sequence[Event]) -> Set[int]:
    """Generations beyond the first that no rejuvenation has started; some actions start none."""
    seen = set(samples["generation"].unique().tolist()) if not samples.empty else {1}
    planned = {generation for span in spans_of(events) for generation in span.generations}
    return set(sorted(seen - planned)[1:])


def _stopped(events: Sequence[Event]) -> Set[int]:
    """Generations that follow one that its runner has stopped, and that had not died before."""
    died = {event.generation for event in events if isinstance(event, DeploymentDied)}
    stopped = {event.generation for event in events if isinstance(event, DeploymentStopped)}
    return {generation + 1 for generation in stopped - died}


def _differs(finished: LoadFinished | LoadDied, planned: str | None) -> bool:
    return isinstance(finished, LoadFinished) and finished.schedule_hash != planned
