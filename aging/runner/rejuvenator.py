"""Rejuvenation while a campaign runs: policies are asked once a second, and a server is restarted where one says so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from aging.campaign.errors import suggestion
from aging.campaign.schema import RejuvenationOptions
from aging.core.clock import ticks
from aging.core.errors import DeploymentError
from aging.core.records import Reading
from aging.core.tasks import cancelled
from aging.rejuvenation.base import Policy
from aging.runner.run import ActiveRun
from aging.store.events import Journalize, RejuvenationCompleted, RejuvenationStarted, Watchdog

_INTERVAL_SECONDS = 1.0
_BLIND_AFTER_SECONDS = 90.0
"""Since a generation was ready: every sampler has read something by then."""


class Rejuvenator:
    """Has a policy for each of ``runs`` that the campaign names: a new one for each generation."""

    def __init__(
        self,
        options: RejuvenationOptions,
        policy: Callable[[Any], Policy[Any]],
        runs: Sequence[ActiveRun],
        tell: Journalize,
    ) -> None:
        named = options.deployments
        self._runs = {run.serving.name: run for run in runs if not named or run.serving.name in named}
        self._options = options
        self._policy = policy
        self._policies = {name: policy(options) for name in self._runs}
        self._tell = tell
        self._read: dict[str, set[str]] = {name: set() for name in self._runs}
        self._told_blind: set[str] = set()

    def see(self, reading: Reading) -> None:
        """A reading of a deployment: what its policy decides by."""
        run = self._runs.get(reading.owner)
        if run is None or run.serving.generation != reading.generation or (age := run.serving.age) is None:
            return
        self._read[reading.owner].update(reading.values)
        self._policies[reading.owner].observe(age, reading.values)

    async def run(self) -> None:
        """Ask and restart, until cancelled."""
        restarting: dict[str, asyncio.Task[None]] = {}
        try:
            async for _ in ticks(_INTERVAL_SECONDS, time.monotonic()):
                for name, run in self._runs.items():
                    age = run.serving.age
                    if age is None or (name in restarting and not restarting[name].done()):
                        continue
                    if age > _BLIND_AFTER_SECONDS and name not in self._told_blind:
                        self._tell_blind(run)
                    if reason := self._policies[name].reason(age):
                        self._policies[name] = self._policy(self._options)
                        restarting[name] = asyncio.create_task(self._restart(run, reason))
        finally:
            await cancelled(list(restarting.values()))

    def _tell_blind(self, run: ActiveRun) -> None:
        """A policy whose indicator nobody reads never fires, and its campaign is another one than was meant."""
        name = run.serving.name
        self._told_blind.add(name)
        read = self._read[name]
        for indicator in self._policies[name].indicators:
            if indicator not in read:
                why = f"rejuvenation waits for {indicator!r}, which no sampler reads; {suggestion(indicator, read)}"
                self._tell(Watchdog(deployment=name, replica=run.run.replica, trouble="unread", message=why))

    async def _restart(self, run: ActiveRun, reason: str) -> None:
        """Drain, SIGTERM, relaunch, ready; arrivals wait meanwhile."""
        serving, driver = run.serving, run.driver
        name, replica = serving.name, serving.replica
        self._tell(RejuvenationStarted(deployment=name, replica=replica, generation=serving.generation, reason=reason))
        began = time.monotonic()
        if driver is not None:
            await driver.hold()
        await serving.stop()
        try:
            await serving.start()
        except DeploymentError:
            return  # journalled as a death; the follower ends the load
        if driver is not None:
            driver.release(serving.generation)
        seconds = round(time.monotonic() - began, 3)
        self._tell(
            RejuvenationCompleted(deployment=name, replica=replica, generation=serving.generation, seconds=seconds)
        )
