"""The event journal: one fsynced JSON line an event; the campaign's state is the fold of its lines."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any, Literal

from aging.clock import Stamp
from aging.model import Event
from aging.store.segments import parse_line

Phase = Literal["preparing", "running", "draining", "completed", "decided", "interrupted", "failed"]

_ENDED: Mapping[str, Phase] = {
    "campaign_completed": "completed",
    "campaign_decided": "decided",
    "campaign_interrupted": "interrupted",
    "campaign_failed": "failed",
}


class Journal:
    """The one writer of ``journal.jsonl``; an event is on the disk when :meth:`record` returns."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def record(self, kind: str, deployment: str | None = None, **details: Any) -> Event:
        """Append one event, stamped now."""
        event = Event(Stamp.now(), kind, deployment, details)
        line: dict[str, Any] = {"wall": event.stamp.wall, "mono": event.stamp.mono, "event": kind}
        if deployment is not None:
            line["deployment"] = deployment
        self._file.write((json.dumps(line | details) + "\n").encode())
        os.fsync(self._file.fileno())
        return event

    def close(self) -> None:
        self._file.close()


def read_journal(path: Path) -> tuple[Event, ...]:
    """Every whole line of a journal, oldest first; a line cut short by a kill is passed over."""
    events = []
    for line in path.read_bytes().splitlines(keepends=True):
        row = parse_line(line)
        if row is not None and {"wall", "mono", "event"} <= row.keys():
            stamp = Stamp(row.pop("wall"), row.pop("mono"))
            events.append(Event(stamp, row.pop("event"), row.pop("deployment", None), row))
    return tuple(events)


@dataclass(frozen=True, slots=True)
class RunState:
    """What the journal says of one run (one deployment, one replica). Times are monotonic seconds.

    ``phases`` are the stretches of different load, in seconds from ``load_start``; empty where it is steady.
    A run that was repeated is what its last ``attempt`` is. Where there is no load of ours the run is ``watched``:
    ``load_start`` to ``load_end`` is when we looked on, and its main process had run for ``earlier`` seconds before.
    """

    phase: Literal["starting", "ready", "loading", "watching", "rejuvenating", "died", "stopped", "left"] = "starting"
    generation: int = 0
    pid: int | None = None
    attempt: int = 1
    rejuvenations: int = 0
    watched: bool = False
    earlier: float = 0.0
    load_start: float | None = None
    planned_seconds: float | None = None
    phases: Sequence[tuple[float, float]] = ()
    load_end: float | None = None
    died: float | None = None


@dataclass(frozen=True, slots=True)
class CampaignState:
    """What the journal says of the whole campaign; ``runs`` by deployment and replica."""

    phase: Phase = "preparing"
    pid: int | None = None
    started: Stamp | None = None
    ended: Stamp | None = None
    runs: Mapping[tuple[str, int], RunState] = field(default_factory=dict)

    @property
    def attempts(self) -> Mapping[tuple[str, int], int]:
        """The last attempt at each run that was repeated."""
        return {key: run.attempt for key, run in self.runs.items() if run.attempt > 1}


def fold(events: Iterable[Event]) -> CampaignState:
    """The state after ``events``."""
    return reduce(_step, events, CampaignState())


def superseded(events: Sequence[Event]) -> frozenset[int]:
    """Places of the events that an earlier attempt at a repeated run left: what they tell is no more the run's."""
    last = {_run_of(event): place for place, event in enumerate(events) if event.kind == "run_repeated"}
    return frozenset(
        place
        for place, event in enumerate(events)
        if event.deployment is not None and place < last.get(_run_of(event), 0)
    )


def _run_of(event: Event) -> tuple[str | None, int]:
    return event.deployment, event.details.get("replica", 1)


def _step(state: CampaignState, event: Event) -> CampaignState:
    if event.deployment is not None:
        key = (event.deployment, event.details.get("replica", 1))
        run = _run_step(state.runs.get(key, RunState()), event)
        return replace(state, runs={**state.runs, key: run})
    match event.kind:
        case "campaign_started":
            return replace(state, phase="running", started=event.stamp, pid=event.details.get("pid"))
        case "interrupt":
            return replace(state, phase="draining")
        case "campaign_completed" | "campaign_decided" | "campaign_interrupted" | "campaign_failed":
            return replace(state, phase=_ENDED[event.kind], ended=event.stamp)
    return state


def _run_step(run: RunState, event: Event) -> RunState:  # noqa: PLR0911 - a table of events
    match event.kind:
        case "run_repeated":
            return RunState(attempt=event.details["attempt"])
        case "deployment_started":
            started = {"pid": event.details["pid"], "generation": event.details["generation"]}
            return replace(run, phase="starting", died=None, **started)
        case "deployment_ready":
            busy: Literal["watching", "loading"] = "watching" if run.watched else "loading"
            return replace(run, phase="ready" if run.load_start is None else busy)
        case "watch_started":
            return replace(
                run,
                phase="watching",
                watched=True,
                earlier=event.details["earlier"],
                load_start=event.details["load_start"],
                planned_seconds=event.details["planned_seconds"],
            )
        case "load_started":
            return replace(
                run,
                phase="loading",
                load_start=event.details["load_start"],
                planned_seconds=event.details["planned_seconds"],
                phases=[(start, end) for start, end in event.details.get("phases", ())],
            )
        case "load_finished" | "load_died" | "watch_finished":
            return replace(run, load_end=event.stamp.mono)
        case "rejuvenation_started":
            return replace(run, phase="rejuvenating", rejuvenations=run.rejuvenations + 1)
        case "deployment_died":
            return replace(run, phase="died", pid=None, died=event.stamp.mono)
        case "deployment_stopped" if run.phase not in ("died", "rejuvenating"):
            return replace(run, phase="stopped", pid=None)
        case "deployment_left" if run.phase != "died":
            return replace(run, phase="left", pid=None)
    return run
