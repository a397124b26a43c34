"""Taking a campaign over whose runner has gone, ending one, and clearing up after runners that nobody follows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aging.campaign.plan import PlannedRound, PlannedRun
from aging.core.clock import Stamp
from aging.core.errors import AgingError
from aging.core.processes.ownership import Identity, belonging, end, kin, mark
from aging.deployments.lifecycle import PastLife
from aging.runner.resume_plan import PriorState, is_over, left_of, past_of
from aging.store.journal import read_journal
from aging.store.layout import Layout
from aging.store.lock import Lock, LockedError, Role, owner_of
from aging.store.segments import LIVE, SEALED, last_row
from aging.store.smoke import is_smoke
from aging.store.state import RESUMABLE, CampaignState, fold

_STRAGGLER_SECONDS = 1.5
"""A load process sees that its runner has gone, and drains for a second."""

_CLEARING_SECONDS = 60.0
"""A keeper that has begun to clear up is waited for."""

_REQUESTS = "requests"
_POLL_SECONDS = 0.1
_PATIENCE_SECONDS = 15.0


class NotResumableError(AgingError):
    """A campaign that has ended, so that nothing of it is left to go on with."""


@dataclass(frozen=True, slots=True)
class Takeover:
    """A campaign that is ours to go on with: its past and its lock."""

    past: PriorState
    lock: Lock


def check_resumable(directory: Path, state: CampaignState) -> None:
    """Raise LockedError for a campaign that is being run, NotResumableError for one that has ended."""
    owner = owner_of(directory)
    if owner is not None and owner.role == "runner":
        raise LockedError(directory, owner)
    if is_smoke(directory):
        raise NotResumableError(f"{directory}: was a smoke run, which is no campaign; nothing of it is resumed")
    if untold := _untold(directory, state):
        what = f"its journal is damaged or empty: it does not tell of what is in {untold[0].relative_to(directory)}"
        raise NotResumableError(f"{directory}: {what}; begun again, it would mix with that. `aging analyze` reads it")
    if state.phase not in RESUMABLE:
        left = "" if Layout(directory).findings.exists() else f"; it was not analysed yet: aging analyze {directory}"
        raise NotResumableError(f"{directory}: the campaign has ended ({state.phase}); nothing is left to resume{left}")


def _untold(root: Path, state: CampaignState) -> Sequence[Path]:
    """Folders with rows of a campaign, or of a load, that the journal does not tell the beginning of: it is damaged."""
    folders = sorted({file.parent for file in root.glob("*/r*/*/*") if file.name.endswith((LIVE, SEALED))})
    if state.started is None:
        return [folder for folder in folders if _holds_rows(folder)]
    told = {
        Layout(root, {key: attempt}).source(key[0], _REQUESTS, key[1])
        for key, run in state.runs.items()
        for attempt in range(1, run.attempt + 1)
        if attempt < run.attempt or run.load_start is not None
    }
    return [folder for folder in folders if folder.name == _REQUESTS and folder not in told and _holds_rows(folder)]


def _holds_rows(folder: Path) -> bool:
    return any(folder.glob(f"*{SEALED}")) or any(last_row(live) is not None for live in folder.glob(f"*{LIVE}"))


def take_over(layout: Layout) -> Takeover:
    """Take a campaign over. What can be re-adopted is left alone, all else that is the campaign's is ended.

    Raises LockedError.
    """
    lock = _taken(layout.root, "runner")
    try:
        state = fold(read_journal(layout.journal))
        layout = replace(layout, attempts=state.attempts)
        past = past_of(state, last_seen(layout.root), Stamp.now())
        _end_the_rest(layout, state, past)
    except BaseException:
        lock.close()
        raise
    leftovers = sorted(layout.root.rglob(f"*{LIVE}"))
    return Takeover(replace(past, leftovers=leftovers), lock)


def to_start(layout: Layout, state: CampaignState, planned: Sequence[PlannedRound]) -> frozenset[str]:
    """The deployments of which a resume would start a server now, since none of theirs can be re-adopted."""
    layout = replace(layout, attempts=state.attempts)
    past = past_of(state, last_seen(layout.root), Stamp.now())
    return frozenset(
        run.options.name
        for together in left_of(planned, past, time.monotonic()).rounds
        for run in together
        if run.options.ours and not _goes_on(layout, past, run)
    )


def _goes_on(layout: Layout, past: PriorState, run: PlannedRun) -> bool:
    life = past_life(layout, past, *run.key) if past.begun(*run.key, run.attempt) else None
    return life is not None and life.proven()


def left_processes(layout: Layout, state: CampaignState) -> frozenset[int]:
    """The processes that the campaign has left, whether they are re-adopted or ended."""
    return frozenset(one.pid for one in belonging(mark(layout.root), state.recorded()))


def past_life(layout: Layout, past: PriorState, deployment: str, replica: int) -> PastLife | None:
    """The life of a run that a runner left, whether it still goes on or not; None where it had none."""
    run = past.of(deployment, replica)
    if run is None or is_over(run, past.timeline.of(time.monotonic())):
        return None
    return PastLife(run.processes, run.main, run.command, layout.log(deployment, run.generation, replica))


def last_seen(root: Path) -> float:
    """When a row was last written below ``root``, on the campaign's timeline; 0 where there is none."""
    rows = [row for live in root.rglob(f"*{LIVE}") if (row := last_row(live)) is not None]
    return max((float(row.get("mono") or row.get("finished") or 0.0) for row in rows), default=0.0)


def _taken(root: Path, role: Role) -> Lock:
    """The lock. A keeper that clears up is waited for. Raises LockedError for a campaign that is being run."""
    deadline = time.monotonic() + _CLEARING_SECONDS
    while True:
        try:
            return Lock.take(root, role)
        except LockedError as error:
            if error.owner is None or error.owner.role != "keeper" or time.monotonic() > deadline:
                raise


def _end_the_rest(layout: Layout, state: CampaignState, past: PriorState) -> None:
    """End all that is the campaign's but for the servers that go on; load processes end by themselves in a moment."""
    recorded = state.recorded()

    def rest() -> Sequence[Identity]:
        kept = [life for key in past.runs if (life := past_life(layout, past, *key)) is not None and life.proven()]
        spared = kin([one for life in kept for one in life.processes.values()], {mark(life.log) for life in kept})
        return [one for one in belonging(mark(layout.root), recorded) if one not in spared]

    deadline = time.monotonic() + _STRAGGLER_SECONDS
    while rest() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    end(rest, _PATIENCE_SECONDS)
