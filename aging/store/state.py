"""The state of a campaign: the fold of its journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from aging.core.clock import Stamp, boot_id
from aging.core.processes.ownership import Identity
from aging.core.records import Event

Phase = Literal["preparing", "running", "draining", "completed", "decided", "interrupted", "halted", "failed"]


RESUMABLE: frozenset[Phase] = frozenset(("preparing", "running", "draining", "interrupted", "halted"))
"""Phases from which a campaign whose runner has ended can be resumed."""


_ENDED: Mapping[str, Phase] = {
    "campaign_completed": "completed",
    "campaign_decided": "decided",
    "campaign_interrupted": "interrupted",
    "campaign_halted": "halted",
    "campaign_failed": "failed",
}


@dataclass(frozen=True, slots=True)
class RunState:
    """The state of one run (one deployment, one replica). Times are monotonic seconds.

    ``phases`` are the stretches of different load, in seconds from ``load_start``; empty for a steady load.
    The state of a repeated run is that of its last ``attempt``. A run without a load of the campaign is ``watched``:
    ``load_start`` to ``load_end`` is the time of observation; before that its main process had run ``earlier`` s.
    ``processes`` are those that the runner started, by component, until their end is known; ``main`` is the main one,
    started by the runner or not, ``command`` its command line from the kernel, ``port`` where it listens. ``ready`` is
    when this generation became ready; ``loads`` counts its load processes. ``driven``: the load reached the end of its
    schedule, whose last arrival may be due long before the end of the run. ``cut_short``: the rest of its time passed
    while the runner was down.
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
    processes: Mapping[str, Identity] = field(default_factory=dict)
    main: Identity | None = None
    command: tuple[str, ...] = ()
    ready: float | None = None
    loads: int = 0
    port: int | None = None
    driven: bool = False
    cut_short: bool = False

    @property
    def planned_end(self) -> float | None:
        """When its load or observation ends."""
        if self.load_start is None or self.planned_seconds is None:
            return None
        return self.load_start + self.planned_seconds


@dataclass(frozen=True, slots=True)
class CampaignState:
    """The state of the whole campaign; ``runs`` by deployment and replica.

    ``boot`` and ``shift`` are those of its last runner; ``last`` is the stamp of the last event, ``alive`` the time of
    the last event of a runner. ``cleared`` is what ended the processes of the last runner, if anything; ``runners`` is
    the number of runners, ``folder`` the working folder of the first. ``planned_seconds`` are those of load and
    cooldown in total; ``baseline`` is the memory in use before the first start in this boot, if it was recorded.
    """

    phase: Phase = "preparing"
    pid: int | None = None
    started: Stamp | None = None
    ended: Stamp | None = None
    runs: Mapping[tuple[str, int], RunState] = field(default_factory=dict)
    boot: str = ""
    shift: float = 0.0
    last: Stamp | None = None
    alive: float = 0.0
    planned_seconds: float | None = None
    cleared: Literal["keeper", "reaper"] | None = None
    runners: int = 0
    folder: str | None = None
    baseline: Mapping[str, Any] | None = None

    def recorded(self) -> Sequence[Identity]:
        """The processes that the runner started and whose end is unknown, if they are of this boot of the host."""
        if self.boot != boot_id():
            return ()
        return [one for run in self.runs.values() for one in run.processes.values()]

    @property
    def attempts(self) -> Mapping[tuple[str, int], int]:
        """The last attempt at each run that was repeated."""
        return {key: run.attempt for key, run in self.runs.items() if run.attempt > 1}


def fold(events: Iterable[Event]) -> CampaignState:
    """The state after ``events``."""
    folded = Fold()
    for event in events:
        folded.add(event)
    return folded.state


class Fold:
    """The state of a campaign, event by event: the cost of an event is independent of the number of runs."""

    def __init__(self) -> None:
        self._whole = CampaignState()
        self._runs: dict[tuple[str, int], RunState] = {}

    def add(self, event: Event) -> None:
        """Take the next event."""
        alive = self._whole.alive if event.kind == "orphans_ended" else event.stamp.mono  # not written by a runner
        self._whole = replace(self._whole, last=event.stamp, alive=alive)
        if event.deployment is None:
            self._whole = _step(self._whole, event)
            return
        key = (event.deployment, event.details.get("replica", 1))
        run = _run_step(self._runs.get(key, RunState()), event)
        if event.kind == "load_finished":  # by itself, unless the campaign was ending or its server had ended
            run = replace(run, driven=self._whole.phase == "running" and run.phase != "died")
        self._runs[key] = run

    @property
    def state(self) -> CampaignState:
        """The state after the events so far."""
        return replace(self._whole, runs=dict(self._runs))


def superseded(events: Sequence[Event]) -> frozenset[int]:
    """Indexes of the events of earlier attempts at repeated runs, which do not count for the run."""
    last = {_run_of(event): place for place, event in enumerate(events) if event.kind == "run_repeated"}
    return frozenset(
        place
        for place, event in enumerate(events)
        if event.deployment is not None and place < last.get(_run_of(event), 0)
    )


def _run_of(event: Event) -> tuple[str | None, int]:
    return event.deployment, event.details.get("replica", 1)


def _step(state: CampaignState, event: Event) -> CampaignState:  # noqa: PLR0911 - a table of events
    match event.kind:
        case "campaign_started":
            details = event.details
            known = {"pid": details.get("pid"), "boot": details.get("boot", ""), "folder": details.get("folder")}
            known |= {"planned_seconds": details.get("planned_seconds")}
            return replace(state, phase="running", started=event.stamp, runners=1, **known)
        case "campaign_resumed":
            details = event.details
            known = {
                "pid": details["pid"],
                "boot": details["boot"],
                "shift": details["shift"],
                "runners": state.runners + 1,
            }
            baseline = state.baseline if details["boot"] == state.boot else None
            return replace(state, phase="running", ended=None, cleared=None, baseline=baseline, **known)
        case "baseline":
            return replace(state, baseline=event.details)
        case "orphans_ended":
            return replace(state, cleared="keeper" if "after" in event.details else "reaper")
        case "interrupt" | "halting":
            return replace(state, phase="draining")
        case _ if event.kind in _ENDED:
            return replace(state, phase=_ENDED[event.kind], ended=event.stamp)
    return state


def _run_step(run: RunState, event: Event) -> RunState:  # noqa: PLR0911, PLR0912 - a table of events
    match event.kind:
        case "run_repeated":
            return RunState(attempt=event.details["attempt"])
        case "deployment_started":
            started = {"pid": event.details["pid"], "generation": event.details["generation"]}
            return replace(run, phase="starting", died=None, ready=None, **started, **_started(event))
        case "deployment_ready" | "deployment_readopted":
            busy: Literal["watching", "loading"] = "watching" if run.watched else "loading"
            ready = event.stamp.mono if event.kind == "deployment_ready" else run.ready
            command = tuple(event.details.get("seen", run.command))
            return replace(run, phase="ready" if run.load_start is None else busy, ready=ready, command=command)
        case "watch_started":
            return replace(
                run,
                load_end=None,
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
                loads=run.loads + 1,
                load_start=event.details["load_start"],
                planned_seconds=event.details["planned_seconds"],
                phases=[(start, end) for start, end in event.details.get("phases", ())],
            )
        case "run_cut_short":
            end = max(event.details["at"], run.load_start or 0.0) if run.load_end is None else run.load_end
            return replace(run, phase="stopped", pid=None, processes={}, main=None, load_end=end, cut_short=True)
        case "load_resumed":
            return replace(run, phase="loading", load_end=None, driven=False, loads=run.loads + 1)
        case "watch_resumed":
            return replace(run, phase="watching", load_end=None)
        case "load_finished" | "load_died" | "watch_finished":
            return replace(run, load_end=event.stamp.mono)
        case "rejuvenation_started":
            return replace(run, phase="rejuvenating", rejuvenations=run.rejuvenations + 1)
        case "deployment_died":
            return replace(run, phase="died", pid=None, died=event.stamp.mono, processes={}, main=None)
        case "deployment_gone":
            return replace(run, phase="stopped", pid=None, processes={}, main=None)
        case "deployment_stopped":
            phase = run.phase if run.phase in ("died", "rejuvenating") else "stopped"
            return replace(run, phase=phase, pid=None, processes={}, main=None)
        case "deployment_left" if run.phase != "died":
            return replace(run, phase="left", pid=None)
    return run


def _started(event: Event) -> dict[str, Any]:
    """The processes of an event; older journals have only the pid of the main process."""
    processes = {name: Identity(*recorded) for name, recorded in event.details.get("processes", {}).items()}
    main = event.details.get("main")
    started = {"processes": processes, "main": None if main is None else Identity(*main)}
    return started | {"command": (), "port": event.details.get("port")}
