"""The runner is killed in the middle of an action, again and again, and the campaign is resumed each time.

What was in flight then, and what was due while there was no runner, is counted apart: no rejuvenation has lost it.
Nothing else may be lost, nothing duplicated, and no stream broken; and the action is finished or undone by the resume.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from aging.store.events import Event
from aging.store.journal import read_journal
from analysis.rejuvenation.accounting import Away
from analysis.rejuvenation.campaign_trial import judged, results, write_campaign
from analysis.rejuvenation.trial import SEED, Plan, Trial, aging

_KILLS = 8
_MOST_DELAY_SECONDS = 1.5
_STARTS_APART = 2
"""Every so many starts of an action the runner is killed in one."""

_POLL_SECONDS = 0.01
_PATIENCE_SECONDS = 600.0


def killed_trial(plan: Plan, action: str, kills: int = _KILLS) -> Trial:
    """Run the campaign, kill its runner in the middle of every other action, resume, and count."""
    chance = Random(SEED)
    argv = aging("run", write_campaign(plan, action), "--results", plan.folder)
    away: list[Away] = []
    with (plan.folder / "log").open("ab") as log:
        for _ in range(kills):
            runner = subprocess.Popen(argv, stdout=log, stderr=log)
            begun = _await_start(plan, runner, _STARTS_APART)
            if begun is None:
                break
            time.sleep(chance.uniform(0.0, _MOST_DELAY_SECONDS))
            runner.send_signal(signal.SIGKILL)
            runner.wait()
            away.append(Away(begun, float("inf")))
            argv = aging("resume", results(plan).layout.root)
        else:
            runner = subprocess.Popen(argv, stdout=log, stderr=log)
        runner.wait(_PATIENCE_SECONDS)
    events = results(plan).events
    ends = [event for event in events if event.kind in ("load_resumed", "campaign_finished")]
    closed = [replace(one, end=_first_after(ends, one.begin)) for one in away]
    trial = judged(plan, closed)
    finished = sum(_finished(events, one) for one in closed)
    return replace(trial, kills=len(away), finished=finished, undone=len(away) - finished)


def _await_start(plan: Plan, runner: subprocess.Popen[bytes], starts: int) -> float | None:
    """When the so manieth action since now began, in monotonic seconds; None if the runner ends before."""
    before = time.monotonic()
    while runner.poll() is None:
        found = list(plan.folder.glob("*/*/journal.jsonl"))
        begun = [e for e in read_journal(found[0]) if e.kind == "rejuvenation_started"] if found else []
        late = [event.stamp.mono for event in begun if event.stamp.mono > before]
        if len(late) >= starts:
            return late[starts - 1]
        time.sleep(_POLL_SECONDS)
    return None


def _first_after(events: Sequence[Event], begin: float) -> float:
    return next((event.stamp.mono for event in events if event.stamp.mono > begin), float("inf"))


def _finished(events: Sequence[Event], one: Away) -> bool:
    """Whether the action that was interrupted is journaled as completed, by the runner that resumed."""
    after = [event for event in events if event.stamp.mono > one.begin]
    ends = ("rejuvenation_completed", "rejuvenation_failed", "rejuvenation_started")
    first = next((event.kind for event in after if event.kind in ends), None)
    return first == "rejuvenation_completed"
