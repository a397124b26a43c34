"""What a runner that has gone leaves to go on with, and what of it there is still to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aging.clock import Stamp, Timeline, boot_id
from aging.journal import CampaignState, RunState

_SLACK_SECONDS = 1.0
"""A load that ended this little before its time has ended in time."""

Key = tuple[str, int]
"""A run: deployment and replica."""


@dataclass(frozen=True, slots=True)
class Past:
    """The campaign's past; empty when it begins. Times are on ``timeline``.

    ``gone_since`` is the last sign of life of the runner before, ``lives`` how many there were. ``lost`` says why
    nothing that it started can still live, where that is so. ``baseline`` is what was in use before anything was
    started, if that still tells anything.
    """

    timeline: Timeline = field(default_factory=Timeline)
    runs: Mapping[Key, RunState] = field(default_factory=dict)
    gone_since: float | None = None
    lives: int = 0
    lost: str | None = None
    baseline: Mapping[str, Any] | None = None

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


def past_of(state: CampaignState, last_seen: float, now: Stamp) -> Past:
    """The past of a campaign that goes on now. ``last_seen`` is when its files were last written to."""
    if state.last is None or state.started is None:
        return Past()
    same_boot = state.boot == boot_id()
    timeline = Timeline.after(state.last, state.shift, now, same_boot=same_boot)
    lost = None
    if not same_boot:
        lost = "ended with the host, which has been booted anew since"
    elif state.cleared:
        lost = "ended by the campaign's keeper, since no runner came back in time"
    runs = state.runs if lost is None else {key: replace(run, processes={}) for key, run in state.runs.items()}
    baseline = state.baseline if same_boot else None
    return Past(timeline, runs, max(last_seen, state.alive), state.lives, lost, baseline)


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
    return end is not None and run.load_end is not None and run.load_end >= end - _SLACK_SECONDS
