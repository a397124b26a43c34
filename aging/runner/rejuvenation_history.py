"""What a journal says of the rejuvenations and the lifetimes of a server, for a runner that goes on with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

from aging.rejuvenation.base import Lifetime
from aging.rejuvenation.governor import Governor, Outcome
from aging.store import events
from aging.store.events import Event

_TOLD = (
    events.DeploymentReady,
    events.DeploymentDied,
    events.DeploymentStopped,
    events.RejuvenationStarted,
    events.RejuvenationCompleted,
    events.RejuvenationFailed,
)


@dataclass(frozen=True, slots=True)
class History:
    """The events of one run that count, in their order; ``here`` turns their times into those of this runner."""

    events: Sequence[Event] = ()
    here: Callable[[float], float] = field(default=lambda mono: mono)

    def brief(self, governor: Governor, server: str) -> None:
        """Have a governor see what the one before it saw. An action that no event ends is undone with the last one."""
        under_way = False
        for event in self.events:
            now = self.here(event.stamp.mono)
            match event:
                case events.RejuvenationStarted():
                    governor.begin(server, now)
                    under_way = True
                case events.RejuvenationCompleted(outcome=outcome) | events.RejuvenationFailed(outcome=outcome):
                    governor.end(server, now, cast("Outcome", outcome))
                    under_way = False
        if under_way:
            governor.end(server, self.here(self.events[-1].stamp.mono), "undone")

    def lifetimes(self) -> list[Lifetime]:
        """How long the generations that have ended served."""
        ready: dict[int, float] = {}
        lives = []
        for event in self.events:
            match event:
                case events.DeploymentReady(generation=generation):
                    ready[generation] = event.stamp.mono
                case events.DeploymentDied(generation=generation) | events.DeploymentStopped(generation=generation):
                    if (since := ready.pop(generation, None)) is not None:
                        failed = isinstance(event, events.DeploymentDied)
                        lives.append(Lifetime(event.stamp.mono - since, failed))
        return lives


def history(journal: Sequence[Event], deployment: str, replica: int) -> Sequence[Event]:
    """The events of the last attempt at a run that tell its rejuvenations and lifetimes."""
    mine = [event for event in journal if event.of_run(deployment, replica)]
    last = max((place for place, event in enumerate(mine) if isinstance(event, events.RunRepeated)), default=0)
    return [event for event in mine[last:] if isinstance(event, _TOLD)]
