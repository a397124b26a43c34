"""Takes over a campaign whose runner has ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aging.campaign.plan import PlannedRound, PlannedRun
from aging.core.clock import Stamp
from aging.core.errors import AgingError
from aging.core.processes.ownership import Identity, campaign_processes, end, generation_processes, mark
from aging.deployments.lifecycle import PriorServer
from aging.runner.rejuvenation_history import history
from aging.runner.resume_plan import PriorState, is_over, prior_state, remaining_work
from aging.store.journal import read_journal
from aging.store.layout import REQUESTS, Layout
from aging.store.lock import Lock, LockedError, Role, owner_of
from aging.store.manifest_file import is_smoke
from aging.store.segments import LIVE, SEALED, last_row, segments
from aging.store.state import RESUMABLE, CampaignState, fold

_STRAGGLER_SECONDS = 1.5
"""A load process notices the end of its runner, and drains for a second."""

_CLEARING_SECONDS = 60.0
"""The maximum wait for a keeper that is ending processes."""

POLL_SECONDS = 0.1
STOP_PATIENCE_SECONDS = 15.0


class NotResumableError(AgingError):
    """A campaign that cannot be resumed: it has ended, is a smoke run, or its journal is damaged."""


@dataclass(frozen=True, slots=True)
class Takeover:
    """A campaign that this process may continue: its prior state and its lock."""

    prior: PriorState
    lock: Lock


def check_resumable(directory: Path, state: CampaignState) -> None:
    """Raise LockedError for a campaign that runs, NotResumableError for one that cannot be resumed."""
    owner = owner_of(directory)
    if owner is not None and owner.role == "runner":
        raise LockedError(directory, owner)
    if is_smoke(directory):
        raise NotResumableError(f"{directory}: This is a smoke run; smoke runs cannot be resumed.")
    if uncovered := _uncovered(directory, state):
        folder = uncovered[0].relative_to(directory)
        what = f"The journal is damaged and does not cover the data in {folder}. Resuming would mix old and new data."
        raise NotResumableError(f"{directory}: {what} Use `aging analyze` instead.")
    if state.phase not in RESUMABLE:
        hint = "" if Layout(directory).findings.exists() else f" It has no findings yet: aging analyze {directory}"
        raise NotResumableError(f"{directory}: The campaign has ended ({state.phase}) and cannot be resumed.{hint}")


def _uncovered(root: Path, state: CampaignState) -> Sequence[Path]:
    """Folders with rows of a campaign or a load whose start is not in the journal."""
    folders = sorted({file.parent for file in root.glob("*/r*/*/*") if file.name.endswith((LIVE, SEALED))})
    if state.started is None:
        return [folder for folder in folders if _holds_rows(folder)]
    covered = {
        Layout(root, {key: attempt}).source(key[0], REQUESTS, key[1])
        for key, run in state.runs.items()
        for attempt in range(1, run.attempt + 1)
        if attempt < run.attempt or run.load_start is not None
    }
    return [folder for folder in folders if folder.name == REQUESTS and folder not in covered and _holds_rows(folder)]


def _holds_rows(folder: Path) -> bool:
    return any(path.name.endswith(SEALED) or last_row(path) is not None for path in segments(folder))


def take_over(layout: Layout) -> Takeover:
    """Take over a campaign. Its processes are ended, except servers that can be re-adopted.

    Raises LockedError.
    """
    lock = take_lock(layout.root, "runner")
    try:
        journal = read_journal(layout.journal)
        state = fold(journal)
        layout = replace(layout, attempts=state.attempts)
        prior = prior_state(state, last_seen(layout.root), Stamp.now())
        _end_leftovers(layout, state, prior)
    except BaseException:
        lock.close()
        raise
    leftovers = sorted(layout.root.rglob(f"*{LIVE}"))
    histories = {key: history(journal, *key) for key in prior.runs}
    return Takeover(replace(prior, leftovers=leftovers, histories=histories), lock)


def to_start(layout: Layout, state: CampaignState, planned: Sequence[PlannedRound]) -> frozenset[str]:
    """The deployments for which a resume would start a server now, because none can be re-adopted."""
    layout = replace(layout, attempts=state.attempts)
    prior = prior_state(state, last_seen(layout.root), Stamp.now())
    return frozenset(
        run.options.name
        for planned_round in remaining_work(planned, prior, time.monotonic()).rounds
        for run in planned_round
        if run.options.owned and not _can_be_readopted(layout, prior, run)
    )


def _can_be_readopted(layout: Layout, prior: PriorState, run: PlannedRun) -> bool:
    life = past_life(layout, prior, *run.key) if prior.attempt_state(*run.key, run.attempt) else None
    return life is not None and life.proven()


def left_processes(layout: Layout, state: CampaignState) -> frozenset[int]:
    """The pids of the campaign's processes, whether they are re-adopted or ended."""
    return frozenset(one.pid for one in campaign_processes(mark(layout.root), state.recorded()))


def past_life(layout: Layout, prior: PriorState, deployment: str, replica: int) -> PriorServer | None:
    """The server process of a run that an earlier runner left, running or not; None if it had none."""
    run = prior.of(deployment, replica)
    if run is None or is_over(run, prior.timeline.of(time.monotonic())):
        return None
    return PriorServer(run.processes, run.main, run.command, layout.log(deployment, run.generation, replica))


def last_seen(root: Path) -> float:
    """When the last row below ``root`` was written, on the campaign's timeline; 0 without rows."""
    rows = [row for live in root.rglob(f"*{LIVE}") if (row := last_row(live)) is not None]
    return max((float(row.get("mono") or row.get("finished") or 0.0) for row in rows), default=0.0)


def take_lock(root: Path, role: Role) -> Lock:
    """Take the lock, waiting for a keeper that ends processes. Raises LockedError for a campaign that runs."""
    deadline = time.monotonic() + _CLEARING_SECONDS
    while True:
        try:
            return Lock.take(root, role)
        except LockedError as error:
            if error.owner is None or error.owner.role != "keeper" or time.monotonic() > deadline:
                raise


def _end_leftovers(layout: Layout, state: CampaignState, prior: PriorState) -> None:
    """End the campaign's processes, except servers that are re-adopted. Load processes soon end by themselves."""
    recorded = state.recorded()

    def rest() -> Sequence[Identity]:
        kept = [life for key in prior.runs if (life := past_life(layout, prior, *key)) is not None and life.proven()]
        spared = generation_processes(
            [one for life in kept for one in life.processes.values()], {mark(life.log) for life in kept}
        )
        return [one for one in campaign_processes(mark(layout.root), recorded) if one not in spared]

    deadline = time.monotonic() + _STRAGGLER_SECONDS
    while rest() and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    end(rest, STOP_PATIENCE_SECONDS)
