"""Stops a campaign, and ends the processes that a killed runner left."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from aging.core.clock import Stamp, Timeline
from aging.core.errors import AgingError
from aging.core.processes.ownership import Identity, belonging, campaigns, end, lives, mark, send
from aging.runner.keeper_client import keepers
from aging.runner.resume_plan import past_of
from aging.runner.takeover import _PATIENCE_SECONDS, _POLL_SECONDS, _taken, last_seen
from aging.store.events import CampaignInterrupted, OrphansEnded
from aging.store.journal import Journal, read_journal
from aging.store.layout import Layout
from aging.store.lock import Lock, LockedError, Owner, owner_of, told_owner
from aging.store.state import fold


def stop(directory: Path, layout: Layout) -> Iterator[str]:
    """End a campaign, as one Ctrl-C would, and what is left of one whose runner has gone; says what it does.

    Raises AgingError for a campaign that is run on another host.
    """
    owner = owner_of(layout.root)
    if owner is not None and owner.role == "runner":
        if not owner.here:
            raise AgingError(f"{directory}: {owner}; stop it there")
        yield from _stop_runner(layout, owner)
        return
    lock = _taken(layout.root, "stop")
    state = fold(read_journal(layout.journal))
    ended = end(lambda: belonging(mark(layout.root), state.recorded()), _PATIENCE_SECONDS)
    if state.ended is None and state.started is not None:
        same = past_of(state, last_seen(layout.root), Stamp.now())
        journal = Journal(layout.journal, same.timeline)
        journal.record(CampaignInterrupted(by="aging stop", pids=[one.pid for one in ended]))
        journal.close()
        yield f"its runner had gone; ended what it had left ({_count(ended)}) and marked the campaign as interrupted"
        yield f"aging analyze {directory} tells what it found, aging resume {directory} goes on"
    elif ended:
        yield f"the campaign had ended ({state.phase}); ended what it had left ({_count(ended)})"
    else:
        yield f"the campaign has ended already ({state.phase})"
    lock.close()


def _stop_runner(layout: Layout, owner: Owner) -> Iterator[str]:
    if fold(read_journal(layout.journal)).ended is None:
        send(owner.identity, signal.SIGINT)
        yield f"told its runner (pid {owner.pid}) to drain, seal and end; waiting for it"
    else:
        yield f"it has ended; its runner (pid {owner.pid}) is sealing and analysing; waiting for it"
    while lives(owner.identity):
        time.sleep(_POLL_SECONDS)
    yield "ended"


def reap() -> Sequence[str]:
    """End what campaigns left that nobody runs, and nobody waits for; what was done, in words.

    A campaign that is being run, or whose servers still wait to be re-adopted, is left alone, as is one whose
    directory is not there: nothing would prove that nobody runs it.
    """
    told = []
    for campaign in campaigns():
        root = Path(campaign)
        # Without a lock's file it was not run by a release that locks: whether somebody runs it cannot be told.
        if not root.is_absolute() or told_owner(root) is None or not (root / "journal.jsonl").is_file():
            continue
        if owner_of(root) is not None or keepers(campaign):
            continue
        try:
            lock = Lock.take(root, "stop")
        except (LockedError, OSError):  # somebody was faster, or it is somebody else's
            continue
        state = fold(read_journal(root / "journal.jsonl"))
        ended = end(lambda: belonging(campaign, state.recorded()), _PATIENCE_SECONDS)  # noqa: B023 - called at once
        if ended:
            journal = Journal(root / "journal.jsonl", Timeline(state.shift))
            journal.record(OrphansEnded(pids=[one.pid for one in ended]))
            journal.close()
            told.append(f"ended what a runner that was killed had left of {root} ({_count(ended)})")
        lock.close()
    return told


def _count(ended: Sequence[Identity]) -> str:
    return f"{len(ended)} process{'' if len(ended) == 1 else 'es'}"
