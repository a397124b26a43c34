"""The contract of an action on a run under way."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aging.campaign.schema import RejuvenationOptions
from aging.core.errors import DeploymentError
from aging.runner.levels import Levels
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
    """What an action did: how long arrivals waited, requests that it cut, and seconds by stage in their order.

    ``figures`` are further numbers, by name with unit.
    """

    held_seconds: float = 0.0
    cut: int = 0
    stages: Mapping[str, float] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why an action is carried out, and what was read of the server until then."""

    reason: str
    levels: Levels


class Action(Protocol):
    """One way to rejuvenate a server under load."""

    async def carry_out(self, run: ActiveRun, options: RejuvenationOptions, occasion: Occasion) -> Done:
        """Do it and return once new requests are answered. Raises ActionError."""


class Stages:
    """Times the stages of an action, from now on."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = self.began = time.monotonic()

    def end(self, stage: str) -> None:
        """A stage ends, and the next one begins."""
        now = time.monotonic()
        self.seconds[stage] = now - self._since
        self._since = now

    @property
    def total(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began
