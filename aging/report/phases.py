"""What a campaign and its runs are doing, in words: for the terminal and for the live page."""

from __future__ import annotations

from collections.abc import Iterator

from aging.core.format import readable_duration
from aging.report.progress import RunProgress, Snapshot
from aging.store.state import RunState


def headline(name: str, snapshot: Snapshot) -> str:
    """``quickstart · running · 1m 05s elapsed, 1m 55s of load remaining``."""
    state = snapshot.state
    if state.started is None:
        return f"{name} · {state.phase}"
    until = state.ended.mono if state.ended else snapshot.now
    text = f"{name} · {state.phase} · {readable_duration(until - state.started.mono)} elapsed"
    if state.phase not in ("running", "draining"):
        return text
    if state.pid is not None and not snapshot.runner_alive:
        return (
            f"{name} · the runner (pid {state.pid}) is gone; aging resume continues, aging analyze builds the findings"
        )
    if state.phase == "draining":
        return f"{text}, Ctrl-C again stops at once"
    loading = [run.state for run in snapshot.runs if run.state.load_start is not None and run.state.load_end is None]
    planned = state.planned_seconds or 0.0
    if not loading:
        return f"{text}{_ahead(snapshot, planned)}"
    done = max(until - (run.load_start or until) for run in loading)
    whole = max(run.planned_seconds or 0.0 for run in loading)
    of = f" of {readable_duration(planned)} planned" if planned > whole else ""
    left = f"{readable_duration(max(whole - done, 0.0))} {'' if all_watched(snapshot) else 'of load '}remaining"
    return f"{text}{of}, {left}{' in this round' if of else ''}"


def _ahead(snapshot: Snapshot, planned: float) -> str:
    """What is planned, while nothing is loaded: before the first load the time that has passed is no part of it."""
    if not planned:
        return ""
    if any(run.state.load_start is not None for run in snapshot.runs):
        return f", {readable_duration(planned)} planned"
    what = "observation" if all_watched(snapshot) else "load"
    return f" in the start, {readable_duration(planned)} of {what} to come"


def all_watched(snapshot: Snapshot) -> bool:
    """Whether the campaign has no load of its own, and only watches."""
    return bool(snapshot.runs) and all(run.state.watched for run in snapshot.runs)


def run_title(run: RunProgress) -> str:
    """The deployment, with the replica where it is not the first."""
    return run.deployment if run.replica == 1 else f"{run.deployment} r{run.replica:02d}"


def run_phase(run: RunProgress, now: float) -> str:
    """``loading, rejuvenated 3 times, last 12m 03s ago``, ``watching pid 4712, restart 1``."""
    state = run.state
    if not state.watched:
        return ", ".join((_under_way(state, now), *_rejuvenated(state, now)))
    if state.phase == "died":
        return "died, waiting for its return" if state.load_end is None else "died"
    restarts = f", restart {state.generation - 1}" if state.generation > 1 else ""
    return f"{state.phase} pid {state.pid}{restarts}" if state.pid is not None else f"{state.phase}{restarts}"


def _under_way(state: RunState, now: float) -> str:
    """``rejuvenating: restart for 12s``, else its phase."""
    if (one := state.rejuvenating) is None or state.phase == "died" or state.load_end is not None:
        return state.phase
    return f"rejuvenating: {one.action} for {readable_duration(max(now - one.stamp.mono, 0.0))}"


def _rejuvenated(state: RunState, now: float) -> Iterator[str]:
    """How often it was rejuvenated so far, that under way left out."""
    failed = state.rejuvenations_failed
    done = state.rejuvenations - failed - (state.rejuvenating is not None)
    if done > 0:
        recent = state.rejuvenated is not None and state.load_end is None
        ago = f", last {readable_duration(max(now - (state.rejuvenated or now), 0.0))} ago" if recent else ""
        yield f"rejuvenated {_times(done)}{ago}"
    if failed:
        yield f"{failed} rejuvenation{'' if failed == 1 else 's'} failed"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
