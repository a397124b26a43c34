"""The state that an earlier runner left, and the work that remains (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from aging.campaign.plan import PlannedRound, PlannedRun, side_by_side
from aging.core.clock import Stamp, Timeline, boot_id
from aging.store.events import Baseline, Event
from aging.store.state import CampaignState, RunState

_SLACK_SECONDS = 1.0
"""A load that ended at most this much early counts as complete."""

_CLEARED = {
    "keeper": "stopped by the campaign's keeper because no runner resumed the campaign in time",
    "reaper": "stopped by another campaign's start-up because its runner and keeper were gone",
}

Key = tuple[str, int]
"""A run: deployment and replica."""


@dataclass(frozen=True, slots=True)
class PriorState:
    """The state of a campaign before this runner; empty for a new campaign. Times are on ``timeline``.

    ``gone_since`` is the last sign of the previous runner, ``runners`` the number of earlier runners. ``lost`` is why
    no process of theirs can still run, if so. ``baseline`` is the memory in use before the first start, if it was in
    this boot. ``leftovers`` are unsealed files without a writer. ``histories`` are the rejuvenations of its runs.
    """

    timeline: Timeline = field(default_factory=Timeline)
    runs: Mapping[Key, RunState] = field(default_factory=dict)
    gone_since: float | None = None
    runners: int = 0
    lost: str | None = None
    baseline: Baseline | None = None
    leftovers: Sequence[Path] = ()
    histories: Mapping[Key, Sequence[Event]] = field(default_factory=dict)

    def of(self, deployment: str, replica: int) -> RunState | None:
        """The state of a run; None if it had not started."""
        return self.runs.get((deployment, replica))

    def attempt(self, deployment: str, replica: int) -> int:
        """The last attempt at a run."""
        prior = self.of(deployment, replica)
        return 1 if prior is None else prior.attempt

    @property
    def attempts(self) -> Mapping[Key, int]:
        """The last attempt at each run that was repeated."""
        return {key: run.attempt for key, run in self.runs.items() if run.attempt > 1}

    def attempt_state(self, deployment: str, replica: int, attempt: int) -> RunState | None:
        """The state of this attempt at a run; None if its server had not been started."""
        prior = self.of(deployment, replica)
        return prior if prior is not None and prior.attempt == attempt and prior.generation else None

    def is_over(self, deployment: str, replica: int, now: float) -> bool:
        """Whether a run has nothing left to do at monotonic time ``now`` of this boot."""
        prior = self.of(deployment, replica)
        return prior is not None and is_over(prior, self.timeline.of(now))

    def cut_short(self, now: float) -> Sequence[Key]:
        """The runs whose load was under way when the runner ended, and whose time is over by ``now``."""
        return [
            key
            for key, run in self.runs.items()
            if run.load_start is not None
            and run.phase != "died"
            and not _ended_in_time(run)
            and is_over(run, self.timeline.of(now))
        ]


def prior_state(state: CampaignState, last_seen: float, now: Stamp) -> PriorState:
    """The prior state of a campaign that is resumed now. ``last_seen`` is when its last row was written."""
    if state.last is None or state.started is None:
        return PriorState()
    same_boot = state.boot == boot_id()
    timeline = Timeline.after(state.last, state.shift, now, same_boot=same_boot)
    lost = None
    if not same_boot:
        lost = "ended by a reboot of the host"
    elif state.cleared is not None:
        lost = _CLEARED[state.cleared]
    runs = (
        state.runs
        if lost is None
        else {key: replace(run, processes={}, beside=None) for key, run in state.runs.items()}
    )
    baseline = state.baseline if same_boot else None
    return PriorState(timeline, runs, max(last_seen, state.alive), state.runners, lost, baseline)


def is_over(run: RunState, now: float) -> bool:
    """Whether a run has nothing left to do at ``now``, on the campaign's timeline.

    A resumed load continues at the current place of the schedule: its end is not delayed, and requests that were due
    while the runner was down are skipped. A server that died before the runner did stays dead,
    unless the runner waited for its return.
    """
    if run.phase == "died" and not (run.watched and run.load_end is None):
        return True
    end = run.planned_end
    return end is not None and (now >= end or _ended_in_time(run))


def _ended_in_time(run: RunState) -> bool:
    end = run.planned_end
    return run.driven or (end is not None and run.load_end is not None and run.load_end >= end - _SLACK_SECONDS)


@dataclass(frozen=True, slots=True)
class RemainingWork:
    """The ``rounds`` that remain, the runs that are ``done``, and those ``cut_short``.

    Broken runs among the done may be repeated after all rounds.
    """

    rounds: Sequence[PlannedRound]
    done: Sequence[PlannedRun]
    cut_short: Sequence[Key]


def remaining_work(planned: Sequence[PlannedRound], prior: PriorState, now: float) -> RemainingWork:
    """What remains of the planned rounds at monotonic time ``now`` of this boot.

    A round starts when the previous one is over: all rounds before the last started one are done, however they
    ended. Repeats follow all planned rounds; a repeat that was under way continues as the same attempt.
    """
    runs = [replace(run, attempt=prior.attempt(*run.key)) for planned_round in planned for run in planned_round]
    current_or_earlier = [place for place, one in enumerate(planned) if any(prior.of(*run.key) for run in one)]
    current = max(current_or_earlier, default=0)
    latest: Sequence[PlannedRun] = planned[current]
    after = planned[current + 1 :]
    if again := [run for run in runs if run.attempt > 1]:
        latest, after = _loaded_last(again, prior), ()
    continued = side_by_side([run for run in latest if not prior.is_over(*run.key, now)])
    ahead = {run.key for planned_round in (*continued, *after) for run in planned_round}
    missed = prior.cut_short(now)
    return RemainingWork(
        rounds=(*continued, *after),
        done=[run for run in runs if run.key not in ahead],
        cut_short=[run.key for run in latest if run.key in missed],
    )


def _loaded_last(runs: Sequence[PlannedRun], prior: PriorState) -> Sequence[PlannedRun]:
    """The runs whose load started last (runs of a round share a start), or has not started yet."""
    starts = {run.key: known.load_start for run in runs if (known := prior.of(*run.key)) is not None}
    last = max((start for start in starts.values() if start is not None), default=0.0)
    return [run for run in runs if (start := starts[run.key]) is None or start >= last - _SLACK_SECONDS]
