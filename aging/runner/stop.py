"""Stops a campaign, and ends the processes that killed runners left behind."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from aging.core.clock import Stamp, Timeline
from aging.core.errors import AgingError
from aging.core.processes.ownership import Identity, campaign_processes, campaigns, end, is_running, mark, send
from aging.runner.keeper_client import keepers
from aging.runner.resume_plan import prior_state
from aging.runner.takeover import POLL_SECONDS, STOP_PATIENCE_SECONDS, last_seen, take_lock
from aging.store.events import CampaignInterrupted, OrphansEnded
from aging.store.journal import Journal, read_journal
from aging.store.layout import Layout
from aging.store.lock import Lock, LockedError, Owner, owner_of, recorded_owner
from aging.store.state import fold


def stop(directory: Path, layout: Layout) -> Iterator[str]:
    """Stop a campaign as one Ctrl-C would, or end the processes of a killed runner; yields messages.

    Raises AgingError for a campaign that runs on another host.
    """
    owner = owner_of(layout.root)
    if owner is not None and owner.role == "runner":
        if not owner.here:
            raise AgingError(f"{directory}: {owner}; stop it there")
        yield from _stop_runner(layout, owner)
        return
    lock = take_lock(layout.root, "stop")
    state = fold(read_journal(layout.journal))
    ended = end(lambda: campaign_processes(mark(layout.root), state.recorded()), STOP_PATIENCE_SECONDS)
    if state.ended is None and state.started is not None:
        prior = prior_state(state, last_seen(layout.root), Stamp.now())
        journal = Journal(layout.journal, prior.timeline)
        journal.record(CampaignInterrupted(by="aging stop", pids=[one.pid for one in ended]))
        journal.close()
        yield f"The runner was gone; ended its processes ({_count(ended)}) and marked the campaign as interrupted."
        yield f"For its findings: aging analyze {directory}. To continue: aging resume {directory}"
    elif ended:
        yield f"The campaign had already ended ({state.phase}); ended its processes ({_count(ended)})."
    else:
        yield f"The campaign has already ended ({state.phase})."
    lock.close()


def _stop_runner(layout: Layout, owner: Owner) -> Iterator[str]:
    """Interrupt a runner that was not interrupted yet: a second interrupt would end its drain at once."""
    state = fold(read_journal(layout.journal))
    if state.ended is not None:
        yield f"The campaign has ended; waiting for its runner (pid {owner.pid}) to seal and analyze."
    elif state.phase == "draining":
        yield f"The campaign is ending; waiting for its runner (pid {owner.pid}) to drain, seal and end."
    else:
        send(owner.identity, signal.SIGINT)
        yield f"Interrupted the runner (pid {owner.pid}); waiting for it to drain, seal and end."
    while is_running(owner.identity):
        time.sleep(POLL_SECONDS)
    yield "The runner has ended."


def reap() -> Sequence[str]:
    """End the processes of campaigns without a runner and without a keeper; return one message per campaign.

    A campaign that runs, or whose servers may still be re-adopted, is left alone. So is a campaign without a result
    directory: nothing proves that it does not run.
    """
    messages = []
    for campaign in campaigns():
        root = Path(campaign)
        # Without a lock file an older release ran it: whether it still runs is unknown.
        if not root.is_absolute() or recorded_owner(root) is None or not (root / "journal.jsonl").is_file():
            continue
        if owner_of(root) is not None or keepers(campaign):
            continue
        try:
            lock = Lock.take(root, "stop")
        except (LockedError, OSError):  # another process was faster, or another user owns it
            continue
        state = fold(read_journal(root / "journal.jsonl"))
        ended = end(lambda: campaign_processes(campaign, state.recorded()), STOP_PATIENCE_SECONDS)  # noqa: B023 - called at once
        if ended:
            journal = Journal(root / "journal.jsonl", Timeline(state.shift))
            journal.record(OrphansEnded(pids=[one.pid for one in ended]))
            journal.close()
            messages.append(f"Ended the processes that a killed runner left of {root} ({_count(ended)}).")
        lock.close()
    return messages


def _count(ended: Sequence[Identity]) -> str:
    return f"{len(ended)} process{'' if len(ended) == 1 else 'es'}"
