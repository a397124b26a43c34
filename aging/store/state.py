"""The state of a campaign: the fold of its journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from aging.core.clock import Stamp, boot_id
from aging.core.processes.ownership import Identity
from aging.store import events
from aging.store.events import Event

Phase = Literal["preparing", "running", "draining", "completed", "decided", "interrupted", "halted", "died", "failed"]


RESUMABLE: frozenset[Phase] = frozenset(("preparing", "running", "draining", "interrupted", "halted"))
"""Phases from which a campaign whose runner has ended can be resumed."""


_ENDED: Mapping[type[Event], Phase] = {
    events.CampaignCompleted: "completed",
    events.CampaignDecided: "decided",
    events.CampaignInterrupted: "interrupted",
    events.CampaignHalted: "halted",
    events.CampaignDied: "died",
    events.CampaignFailed: "failed",
}


@dataclass(frozen=True, slots=True)
class OtherLife:
    """A generation beside the one that serves: the successor until the load is redirected, then the predecessor.

    Or one that is being stopped, to be started again.
    """

    generation: int
    pid: int | None = None
    processes: Mapping[str, Identity] = field(default_factory=dict)
    main: Identity | None = None
    command: tuple[str, ...] = ()
    ready: float | None = None
    port: int | None = None


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
    while the runner was down. ``newest`` is the last generation that was started; ``beside`` is a second one that runs;
    ``rejuvenating`` is the action under way. ``rejuvenations`` counts those that began, ``rejuvenations_failed`` those
    that failed or were taken back; ``rejuvenated`` is when the last one that was carried out ended.
    """

    phase: Literal["starting", "ready", "loading", "watching", "rejuvenating", "died", "stopped", "left"] = "starting"
    generation: int = 0
    pid: int | None = None
    attempt: int = 1
    rejuvenations: int = 0
    rejuvenations_failed: int = 0
    rejuvenated: float | None = None
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
    newest: int = 0
    beside: OtherLife | None = None
    rejuvenating: events.RejuvenationStarted | None = None

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
    baseline: events.Baseline | None = None

    def recorded(self) -> Sequence[Identity]:
        """The processes that the runner started and whose end is unknown, if they are of this boot of the host."""
        if self.boot != boot_id():
            return ()
        runs = self.runs.values()
        beside = (run.beside.processes for run in runs if run.beside is not None)
        return [one for processes in (*(run.processes for run in runs), *beside) for one in processes.values()]

    @property
    def attempts(self) -> Mapping[tuple[str, int], int]:
        """The last attempt at each run that was repeated."""
        return {key: run.attempt for key, run in self.runs.items() if run.attempt > 1}


def fold(journal: Iterable[Event]) -> CampaignState:
    """The state after the events of a journal."""
    folded = Fold()
    for event in journal:
        folded.add(event)
    return folded.state


class Fold:
    """The state of a campaign, event by event: the cost of an event is independent of the number of runs."""

    def __init__(self) -> None:
        self._whole = CampaignState()
        self._runs: dict[tuple[str, int], RunState] = {}

    def add(self, event: Event) -> None:
        """Take the next event."""
        of_runner = not isinstance(event, events.OrphansEnded)
        alive = event.stamp.mono if of_runner else self._whole.alive
        self._whole = replace(self._whole, last=event.stamp, alive=alive)
        if event.deployment is None:
            self._whole = _step(self._whole, event)
            return
        key = (event.deployment, event.replica)
        run = _run_step(self._runs.get(key, RunState()), event)
        # By itself, unless the campaign was ending or its server had ended.
        if isinstance(event, events.LoadFinished):
            run = replace(run, driven=self._whole.phase == "running" and run.phase != "died")
        self._runs[key] = run

    @property
    def state(self) -> CampaignState:
        """The state after the events so far."""
        return replace(self._whole, runs=dict(self._runs))


def superseded(journal: Sequence[Event]) -> frozenset[int]:
    """Indexes of the events of earlier attempts at repeated runs, which do not count for the run."""
    last = {_run_of(event): place for place, event in enumerate(journal) if isinstance(event, events.RunRepeated)}
    return frozenset(
        place
        for place, event in enumerate(journal)
        if event.deployment is not None and place < last.get(_run_of(event), 0)
    )


def _run_of(event: Event) -> tuple[str | None, int]:
    return event.deployment, event.replica


def _step(state: CampaignState, event: Event) -> CampaignState:  # noqa: PLR0911 - a table of events
    match event:
        case events.CampaignStarted(pid=pid, boot=boot, folder=folder, planned_seconds=planned):
            known = replace(state, pid=pid, boot=boot, folder=folder, planned_seconds=planned)
            return replace(known, phase="running", started=event.stamp, runners=1)
        case events.CampaignResumed(pid=pid, boot=boot, shift=shift):
            baseline = state.baseline if boot == state.boot else None
            known = replace(state, pid=pid, boot=boot, shift=shift, runners=state.runners + 1)
            return replace(known, phase="running", ended=None, cleared=None, baseline=baseline)
        case events.Baseline():
            return replace(state, baseline=event)
        case events.OrphansEnded(after=after):
            return replace(state, cleared="reaper" if after is None else "keeper")
        case events.Interrupt() | events.Halting():
            return replace(state, phase="draining")
        case _ if type(event) in _ENDED:
            return replace(state, phase=_ENDED[type(event)], ended=event.stamp)
    return state


def _run_step(run: RunState, event: Event) -> RunState:  # noqa: PLR0911, PLR0912 - a table of events
    match event:
        case events.RunRepeated(attempt=attempt):
            return RunState(attempt=attempt)
        case events.DeploymentStarted(pid=pid, generation=generation, port=port, beside=None):
            mine = replace(run, pid=pid, generation=generation, port=port, command=(), **_processes(event))
            return replace(mine, phase="starting", died=None, ready=None, newest=max(run.newest, generation))
        case events.DeploymentStarted(pid=pid, generation=generation, port=port):
            successor = OtherLife(generation, pid, port=port, **_processes(event))
            return replace(run, beside=successor, newest=max(run.newest, generation))
        case events.DeploymentReady(seen=seen) if run.beside is not None and _of_beside(run, event):
            known = replace(run.beside, ready=event.stamp.mono, command=tuple(seen or ()))
            return replace(run, beside=known)
        case events.DeploymentDied() | events.DeploymentStopped() | events.DeploymentGone() if _of_beside(run, event):
            return replace(run, beside=None)
        case events.DeploymentStopping():  # it is not taken over by another runner, but ended
            return replace(run, beside=_life(run), pid=None, processes={}, main=None)
        case events.LoadRedirected() if run.beside is not None and _of_beside(run, event):
            return _swapped(run, run.beside)
        case events.DeploymentReady(seen=seen):
            command = run.command if seen is None else tuple(seen)
            return replace(run, phase=_serving(run), ready=event.stamp.mono, command=command)
        case events.DeploymentReadopted():
            return replace(run, phase=_serving(run))
        case events.WatchStarted(earlier=earlier, load_start=start, planned_seconds=planned):
            begun = replace(run, load_start=start, planned_seconds=planned, earlier=earlier)
            return replace(begun, load_end=None, phase="watching", watched=True)
        case events.LoadStarted(load_start=start, planned_seconds=planned, phases=stretches):
            phases = [(begin, end) for begin, end in stretches]
            begun = replace(run, load_start=start, planned_seconds=planned, phases=phases)
            return replace(begun, phase="loading", loads=run.loads + 1)
        case events.RunCutShort(at=at):
            end = max(at, run.load_start or 0.0) if run.load_end is None else run.load_end
            return replace(run, phase="stopped", pid=None, processes={}, main=None, load_end=end, cut_short=True)
        case events.LoadResumed():
            return replace(run, phase="loading", load_end=None, driven=False, loads=run.loads + 1)
        case events.WatchResumed():
            return replace(run, phase="watching", load_end=None)
        case events.LoadFinished() | events.LoadDied() | events.WatchFinished():
            return replace(run, load_end=event.stamp.mono)
        case events.RejuvenationStarted():
            begun = replace(run, rejuvenations=run.rejuvenations + 1, rejuvenating=event)
            return replace(begun, phase="rejuvenating")
        case events.RejuvenationCompleted() | events.RejuvenationFailed():
            over = replace(run, rejuvenating=None)
            if isinstance(event, events.RejuvenationFailed):
                over = replace(over, rejuvenations_failed=run.rejuvenations_failed + 1)
            else:
                over = replace(over, rejuvenated=event.stamp.mono)
            return replace(over, phase=_serving(run)) if run.phase == "rejuvenating" else over
        case events.DeploymentDied():
            return replace(run, phase="died", pid=None, died=event.stamp.mono, processes={}, main=None)
        case events.DeploymentGone():
            return replace(run, phase="stopped", pid=None, processes={}, main=None)
        case events.DeploymentStopped():
            phase = run.phase if run.phase in ("died", "rejuvenating") else "stopped"
            return replace(run, phase=phase, pid=None, processes={}, main=None)
        case events.DeploymentLeft() if run.phase != "died":
            return replace(run, phase="left", pid=None)
    return run


def _serving(run: RunState) -> Literal["ready", "watching", "loading"]:
    if run.load_start is None:
        return "ready"
    return "watching" if run.watched else "loading"


def _of_beside(run: RunState, event: events.ServerEvent) -> bool:
    return run.beside is not None and event.generation == run.beside.generation


def _swapped(run: RunState, successor: OtherLife) -> RunState:
    """The successor serves, and the generation that served is beside it."""
    names = ("generation", "pid", "processes", "main", "command", "ready", "port")
    return replace(run, beside=_life(run), **{name: getattr(successor, name) for name in names})


def _life(run: RunState) -> OtherLife:
    return OtherLife(run.generation, run.pid, run.processes, run.main, run.command, run.ready, run.port)


def _processes(event: events.DeploymentStarted) -> dict[str, Any]:
    """The processes of an event; older journals have only the pid of the main process."""
    processes = {name: Identity(*one) for name, one in event.processes.items()}
    return {"processes": processes, "main": None if event.main is None else Identity(*event.main)}
