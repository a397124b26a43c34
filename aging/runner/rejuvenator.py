"""Carries out rejuvenation policies: asks each policy once a second, and restarts the server when it fires."""

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
from aging.core.tasks import cancel_all
from aging.rejuvenation.base import Policy
from aging.runner.run import ActiveRun
from aging.store.events import Journalize, RejuvenationCompleted, RejuvenationStarted, Watchdog

_INTERVAL_SECONDS = 1.0
_BLIND_AFTER_SECONDS = 90.0
"""After a generation became ready: by then every sampler has read something."""


class Rejuvenator:
    """One policy for each of the ``runs`` that the campaign names, a new one per generation."""

    def __init__(
        self,
        options: RejuvenationOptions,
        policy: Callable[[Any], Policy[Any]],
        runs: Sequence[ActiveRun],
        record_event: Journalize,
    ) -> None:
        named = options.deployments
        self._runs = {run.server.name: run for run in runs if not named or run.server.name in named}
        self._options = options
        self._policy = policy
        self._policies = {name: policy(options) for name in self._runs}
        self._record_event = record_event
        self._read: dict[str, set[str]] = {name: set() for name in self._runs}
        self._blind_reported: set[str] = set()

    def see(self, reading: Reading) -> None:
        """Pass a reading of a deployment to its policy."""
        run = self._runs.get(reading.owner)
        if run is None or run.server.generation != reading.generation or (age := run.server.age) is None:
            return
        self._read[reading.owner].update(reading.values)
        self._policies[reading.owner].observe(age, reading.values)

    async def run(self) -> None:
        """Ask policies and restart servers, until cancelled."""
        restarting: dict[str, asyncio.Task[None]] = {}
        try:
            async for _ in ticks(_INTERVAL_SECONDS, time.monotonic()):
                for name, run in self._runs.items():
                    age = run.server.age
                    if age is None or (name in restarting and not restarting[name].done()):
                        continue
                    if age > _BLIND_AFTER_SECONDS and name not in self._blind_reported:
                        self._record_blind(run)
                    if reason := self._policies[name].reason(age):
                        self._policies[name] = self._policy(self._options)
                        restarting[name] = asyncio.create_task(self._restart(run, reason))
        finally:
            await cancel_all(list(restarting.values()))

    def _record_blind(self, run: ActiveRun) -> None:
        """Journal that no sampler reads a policy's indicator: the policy never fires."""
        name = run.server.name
        self._blind_reported.add(name)
        read = self._read[name]
        for indicator in self._policies[name].indicators:
            if indicator not in read:
                why = f"No sampler reads the rejuvenation indicator {indicator!r}; {suggestion(indicator, read)}"
                self._record_event(Watchdog(deployment=name, replica=run.run.replica, trouble="unread", message=why))

    async def _restart(self, run: ActiveRun, reason: str) -> None:
        """Drain, SIGTERM, relaunch, ready; arrivals wait until then."""
        server, load_process = run.server, run.load_process
        name, replica = server.name, server.replica
        self._record_event(
            RejuvenationStarted(deployment=name, replica=replica, generation=server.generation, reason=reason)
        )
        began = time.monotonic()
        if load_process is not None:
            await load_process.hold()
        await server.stop()
        try:
            await server.start()
        except DeploymentError:
            return  # the journal has the death; the follower ends the load
        if load_process is not None:
            load_process.release(server.generation)
        seconds = round(time.monotonic() - began, 3)
        self._record_event(
            RejuvenationCompleted(deployment=name, replica=replica, generation=server.generation, seconds=seconds)
        )
