"""The contract of an action on a run under way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aging.campaign.schema import RejuvenationOptions
from aging.core.errors import DeploymentError
from aging.runner.run import ActiveRun


class ActionError(DeploymentError):
    """An action that has failed; the message says what and why.

    ``serving``: the server from before still serves, and arrivals go on. Else the run's server has died.
    """

    def __init__(self, message: str, *, serving: bool, held_seconds: float = 0.0, cut: int = 0) -> None:
        super().__init__(message)
        self.serving = serving
        self.held_seconds = held_seconds
        self.cut = cut


@dataclass(frozen=True, slots=True)
class Done:
    """What an action did: how long arrivals waited, requests that it cut, and seconds by stage in their order."""

    held_seconds: float = 0.0
    cut: int = 0
    stages: Mapping[str, float] = field(default_factory=dict)


class Action(Protocol):
    """One way to rejuvenate a server under load."""

    async def carry_out(self, run: ActiveRun, options: RejuvenationOptions) -> Done:
        """Do it and return once new requests are answered. Raises ActionError."""
