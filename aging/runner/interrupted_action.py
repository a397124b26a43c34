"""Finishes or undoes, in the journal and at the server, an action in the middle of which a runner was killed."""

from __future__ import annotations

import time
from dataclasses import replace

from aging.runner.actions.offered import undo
from aging.runner.run import ActiveRun, RunContext
from aging.store import events

_UNDO_SECONDS = 60.0


async def conclude(run: ActiveRun, context: RunContext) -> None:
    """Journal how the action of an earlier runner ended; nothing if none was under way.

    It is completed where another generation serves now. Else it is undone: the server from before serves, and one that
    an action without a new start had begun is brought back.
    """
    server, begun = run.server, None if run.prior is None else run.prior.rejuvenating
    if begun is None:
        return
    seconds = round(context.timeline.of(time.monotonic()) - begun.stamp.mono, 3)
    ended: events.Event
    if server.generation != begun.generation:
        ended = events.RejuvenationCompleted(
            deployment=server.name,
            replica=server.replica,
            generation=server.generation,
            action=begun.action,
            seconds=seconds,
            stages={"runner down": seconds},
        )
    else:
        await undo(server, begun.action, _UNDO_SECONDS)
        ended = events.RejuvenationFailed(
            deployment=server.name,
            replica=server.replica,
            generation=server.generation,
            action=begun.action,
            seconds=seconds,
            why="the runner was gone before it was done",
            outcome="undone",
        )
    context.record_event(ended)
    told = replace(ended, stamp=replace(begun.stamp, mono=begun.stamp.mono + seconds))
    run.history = (*run.history, told)
