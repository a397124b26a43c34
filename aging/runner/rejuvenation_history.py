"""What a journal says of the rejuvenations and the lifetimes of a server, for a runner that goes on with it."""

from __future__ import annotations

from collections.abc import Sequence

from aging.rejuvenation.base import Lifetime
from aging.store import events
from aging.store.events import Event

_TOLD = (
    events.DeploymentReady,
    events.DeploymentDied,
    events.DeploymentStopped,
    events.RejuvenationStarted,
    events.RejuvenationCompleted,
    events.RejuvenationFailed,
    events.RejuvenationDisarmed,
)


def history(journal: Sequence[Event], deployment: str, replica: int) -> Sequence[Event]:
    """The events of the last attempt at a run that tell its rejuvenations and lifetimes."""
    mine = [event for event in journal if event.of_run(deployment, replica)]
    last = max((place for place, event in enumerate(mine) if isinstance(event, events.RunRepeated)), default=0)
    return [event for event in mine[last:] if isinstance(event, _TOLD)]


def lifetimes(history: Sequence[Event]) -> Sequence[Lifetime]:
    """How long the generations that have ended served."""
    ready: dict[int, float] = {}
    lives = []
    for event in history:
        match event:
            case events.DeploymentReady(generation=generation):
                ready[generation] = event.stamp.mono
            case events.DeploymentDied(generation=generation) | events.DeploymentStopped(generation=generation):
                if (since := ready.pop(generation, None)) is not None:
                    lives.append(Lifetime(event.stamp.mono - since, isinstance(event, events.DeploymentDied)))
    return lives
