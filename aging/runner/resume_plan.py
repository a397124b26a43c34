"""What a runner that has gone leaves to go on with, and what of it there is still to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from aging.campaign.plan import PlannedRound, PlannedRun, side_by_side
from aging.core.clock import Stamp, Timeline, boot_id
from aging.store.events import Baseline
from aging.store.state import CampaignState, RunState

_SLACK_SECONDS = 1.0
"""A load that ended this little before its time has ended in time."""

_CLEARED = {
    "keeper": "ended by the campaign's keeper, since no runner came back in time",
    "reaper": "ended when another campaign began, since this one had neither a runner nor a keeper",
}

Key = tuple[str, int]
"""A run: deployment and replica."""


@dataclass(frozen=True, slots=True)
class PriorState:
    """The campaign's past; empty when it begins. Times are on ``timeline``.

    ``gone_since`` is the last sign of life of the runner before, ``lives`` how many there were. ``lost`` says why
    nothing that it started can still live, where that is so. ``baseline`` is what was in use before anything was
    started, if that still tells anything. ``leftovers`` are files that were left unsealed, and nobody writes to.
    """

    timeline: Timeline = field(default_factory=Timeline)
    runs: Mapping[Key, RunState] = field(default_factory=dict)
    gone_since: float | None = None
    lives: int = 0
    lost: str | None = None
    baseline: Baseline | None = None
    leftovers: Sequence[Path] = ()

    def of(self, deployment: str, replica: int) -> RunState | None:
        """What is known of a run; None for one that had not begun."""
        return self.runs.get((deployment, replica))

    def attempt(self, deployment: str, replica: int) -> int:
        """The last attempt at a run."""
        past = self.of(deployment, replica)
        return 1 if past is None else past.attempt

    @property
    def attempts(self) -> Mapping[Key, int]:
        """The last attempt at each run that was repeated."""
        return {key: run.attempt for key, run in self.runs.items() if run.attempt > 1}

    def begun(self, deployment: str, replica: int, attempt: int) -> RunState | None:
        """What is known of this attempt at a run; None where none of its servers was started."""
        past = self.of(deployment, replica)
        return past if past is not None and past.attempt == attempt and past.generation else None

    def over(self, deployment: str, replica: int, now: float) -> bool:
        """Whether there is nothing left to do of a run at monotonic time ``now`` of this boot."""
        past = self.of(deployment, replica)
        return past is not None and is_over(past, self.timeline.of(now))

    def cut_short(self, now: float) -> Sequence[Key]:
        """The runs whose load was under way when there was no runner any more, and whose time has passed by ``now``."""
        return [
            key
            for key, run in self.runs.items()
            if run.load_start is not None
            and run.phase != "died"
            and not _ended_in_time(run)
            and is_over(run, self.timeline.of(now))
        ]


def past_of(state: CampaignState, last_seen: float, now: Stamp) -> PriorState:
    """The past of a campaign that goes on now. ``last_seen`` is when its files were last written to."""
    if state.last is None or state.started is None:
        return PriorState()
    same_boot = state.boot == boot_id()
    timeline = Timeline.after(state.last, state.shift, now, same_boot=same_boot)
    lost = None
    if not same_boot:
        lost = "ended with the host, which has been booted anew since"
    elif state.cleared is not None:
        lost = _CLEARED[state.cleared]
    runs = state.runs if lost is None else {key: replace(run, processes={}) for key, run in state.runs.items()}
    baseline = state.baseline if same_boot else None
    return PriorState(timeline, runs, max(last_seen, state.alive), state.lives, lost, baseline)


def is_over(run: RunState, now: float) -> bool:
    """Whether a run has nothing left to do at ``now``, on the campaign's timeline.

    A load goes on where the schedule is by now, as if it had never been interrupted: its end is not put off, and
    what was due meanwhile was not sent. A server that had died before the runner did stays dead, as it would have.
    """
    if run.phase == "died":
        return True
    end = run.planned_end
    return end is not None and (now >= end or _ended_in_time(run))


def _ended_in_time(run: RunState) -> bool:
    end = run.planned_end
    return run.driven or (end is not None and run.load_end is not None and run.load_end >= end - _SLACK_SECONDS)


@dataclass(frozen=True, slots=True)
class RemainingWork:
    """What there is still to do: the ``rounds`` that are left, the runs that are ``done``, those ``cut_short``.

    What of the done is broken may yet be repeated, after all rounds.
    """

    rounds: Sequence[PlannedRound]
    done: Sequence[PlannedRun]
    cut_short: Sequence[Key]


def left_of(planned: Sequence[PlannedRound], past: PriorState, now: float) -> RemainingWork:
    """What is left of the planned rounds at monotonic time ``now`` of this boot.

    A round begins when the one before it is over: what came before the last that has begun is done, however it
    ended. Repeats come after all that is planned; one that was under way goes on as the attempt that it was.
    """
    runs = [replace(run, attempt=past.attempt(*run.key)) for together in planned for run in together]
    begun = [place for place, one in enumerate(planned) if any(past.of(*run.key) for run in one)]
    current = max(begun, default=0)
    latest: Sequence[PlannedRun] = planned[current]
    after = planned[current + 1 :]
    if again := [run for run in runs if run.attempt > 1]:
        latest, after = _loaded_last(again, past), ()
    going_on = side_by_side([run for run in latest if not past.over(*run.key, now)])
    ahead = {run.key for together in (*going_on, *after) for run in together}
    missed = past.cut_short(now)
    return RemainingWork(
        rounds=(*going_on, *after),
        done=[run for run in runs if run.key not in ahead],
        cut_short=[run.key for run in latest if run.key in missed],
    )


def _loaded_last(runs: Sequence[PlannedRun], past: PriorState) -> Sequence[PlannedRun]:
    """Those of the runs whose load began last (all of a round have one start), or has not begun yet."""
    starts = {run.key: known.load_start for run in runs if (known := past.of(*run.key)) is not None}
    last = max((start for start in starts.values() if start is not None), default=0.0)
    return [run for run in runs if (start := starts[run.key]) is None or start >= last - _SLACK_SECONDS]
