"""One start of a server: launched, proven ready, watched until its end, its log capped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from aging.campaign.schema import LoadTable
from aging.core.endpoint import Endpoint
from aging.core.errors import DeploymentError, writing
from aging.core.processes.child import MAIN, ServerProcess, oom_kills
from aging.core.processes.logs import tail, truncate_log
from aging.core.processes.ownership import command_line, identity, mark
from aging.core.records import TREE
from aging.core.targets import Target
from aging.deployments.base import DeploymentBase
from aging.deployments.lifecycle import PriorServer
from aging.store import events
from aging.store.events import Journalize, ServerKey
from aging.store.layout import Layout
from aging.store.state import RunState

_LOG_PAUSE_SECONDS = (0.05, 1.0)


class NotReadyError(DeploymentError):
    """A server that did not become ready: ``why``, and the last lines of its ``log``."""

    def __init__(self, name: str, why: str, log: Sequence[str]) -> None:
        super().__init__(f"{name}: {why}" + "".join(f"\n  | {line}" for line in log))
        self.why = why
        self.log = log


class Generation:
    """Start number ``number`` of the server of a run. ``record_event`` writes the journal.

    ``over`` is called when its process has ended by itself. ``load`` is what it is to serve, and is proven ready by.
    """

    def __init__(  # noqa: PLR0913 - what it is of, where it writes, whom it tells
        self,
        number: int,
        deployment: DeploymentBase[Any],
        replica: int,
        layout: Layout,
        record_event: Journalize,
        *,
        over: Callable[[Generation], object],
        load: LoadTable | None = None,
    ) -> None:
        self._load = load
        self.number = number
        self.deployment = deployment
        self.origin = deployment.origin()
        self.life: ServerProcess | None = None
        self.ready_since: float | None = None
        self.died = asyncio.Event()
        """Its process has ended by itself."""
        self.death: str | None = None
        self.end_expected = False
        """Whether an action from outside is to end it: its end is then no death."""
        self._layout = layout
        self._which: ServerKey = {"deployment": deployment.options.name, "replica": replica, "generation": number}
        self._record_event = record_event
        self._over = over
        self._stopping = False
        self._oom_kills = 0
        self._watch: asyncio.Task[None] | None = None
        self._log_keeper: asyncio.Task[None] | None = None

    @property
    def _log(self) -> Path:
        return self._layout.log(self._which["deployment"], self.number, self._which["replica"])

    @property
    def endpoint(self) -> Endpoint | None:
        return self.origin.endpoint

    def target(self) -> Target | None:
        """The target of the samplers; None while no process runs."""
        life = self.life
        trees = {} if life is None else life.trees
        if life is None or not trees:
            return None
        return Target(
            self._which["deployment"],
            TREE,
            self.number,
            tuple(pid for pids in trees.values() for pid in pids),
            with_descendants=life.with_descendants,
            components=trees if len(trees) > 1 else {},
            mark=mark(self._log),
            metrics_url=self.origin.metrics_url,
            engine_metrics=self.deployment.common_metrics(),
        )

    async def start(self, *, probe: bool, beside: int | None = None) -> None:
        """Start it and wait until it completes a probe request, if it has an endpoint.

        Without ``probe`` no request is sent. ``beside`` is the generation that serves in that time.
        Raises NotReadyError.
        """
        with writing(self._log):
            self._log.parent.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        self._oom_kills = oom_kills()
        try:
            life = await self.origin.begin(self._layout.root, self._log)
        except DeploymentError as error:
            raise self._not_ready(str(error)) from None
        await self.take(life, started, probe=probe, beside=beside)

    async def take(self, life: ServerProcess, started: float, *, probe: bool, beside: int | None = None) -> None:
        """Watch a process that has just been started or found; see :meth:`start`."""
        self._have(life)
        pids = {name: next(iter(tree), None) for name, tree in life.trees.items()}
        main = pids.pop(MAIN, None)
        known = None if main is None else identity(main)
        self._record_event(
            events.DeploymentStarted(
                **self._which,
                pid=main,
                port=self.deployment.port,
                command=list(life.command),
                main=None if known is None else astuple(known),
                processes={name: astuple(one) for name, one in life.owned.items()},
                components=pids,
                beside=beside,
            )
        )
        await self._await_ready(life, started, probe=probe)

    async def readopt(self, prior: RunState) -> ServerProcess | None:
        """The process that an earlier runner watched; None if it has ended."""
        self._oom_kills = oom_kills()
        past = PriorServer(prior.processes, prior.main, prior.command, self._log)
        life = await self.origin.readopt(past)
        if life is not None:
            self._have(life)
        return life

    async def go_on(self, life: ServerProcess, ready_since: float | None, *, probe: bool) -> None:
        """Watch a readopted process, which has been ready since then, or still is to be. Raises NotReadyError."""
        if ready_since is None:  # that runner was killed before the server was ready
            await self._await_ready(life, time.monotonic(), probe=probe)
            return
        self.ready_since = ready_since
        pid = next(iter(life.trees.get(MAIN, ())), None)
        self._record_event(events.DeploymentReadopted(**self._which, pid=pid))
        self._watch = asyncio.create_task(self._watch_for_death(life))

    async def stop(self) -> None:
        """Stop it; its end is not journaled as a death."""
        self._leave()
        if self.life is not None:
            self._stopping |= bool(self.life.trees)  # a stop that is cancelled is finished by the next one
            how = await self.life.end()
            self.life = None
            if self._stopping:
                which = self._which
                stopped = events.DeploymentLeft(**which) if how is None else events.DeploymentStopped(**which, exit=how)
                self._record_event(stopped)

    async def end_for_good(self, why: str) -> bool:
        """End it, which is journaled as a death; whether there was a process."""
        self._leave()
        if self.life is None:
            return False
        await self.life.end()
        self.record_death(why, self.log_tail())
        return True

    def record_death(self, why: str, log: Sequence[str]) -> None:
        """Journal how it ended by itself."""
        self.death = why
        self.died.set()
        self._record_event(events.DeploymentDied(**self._which, why=why, log=log))

    def log_tail(self) -> list[str]:
        """The last lines of its log."""
        return tail(self._log)

    def _have(self, life: ServerProcess) -> None:
        self.life = life
        if life.owned:  # another process writes no log here
            self._log_keeper = asyncio.create_task(self._keep_log())

    def _leave(self) -> None:
        for task in (self._watch, self._log_keeper):
            if task is not None:
                task.cancel()
        self._watch = self._log_keeper = None
        self.ready_since = None

    async def _await_ready(self, life: ServerProcess, started: float, *, probe: bool) -> None:
        if probe and self.endpoint is not None:
            try:
                await self._until_ready(life, self.endpoint, started)
            except DeploymentError:  # free the host for the other deployments
                self._leave()
                await life.end()
                self.life = None
                raise
        self.ready_since = time.monotonic()
        main = next(iter(life.trees.get(MAIN, ())), None)
        seen = [] if main is None else list(command_line(main))
        seconds = round(self.ready_since - started, 3)
        self._record_event(events.DeploymentReady(**self._which, seconds=seconds, seen=seen))
        self._watch = asyncio.create_task(self._watch_for_death(life))

    async def _until_ready(self, life: ServerProcess, endpoint: Endpoint, started: float) -> None:
        from aging.runner.probe import last_refusal  # noqa: PLC0415 - an observation sends no request

        timeout = self.deployment.options.ready_timeout
        try:
            last = await last_refusal(life, endpoint, started, timeout, self._load)
        except ProcessLookupError:
            how = self._explain_exit(await life.wait())
            raise self._not_ready(f"ended before it was ready ({how})") from None
        if last is not None:
            raise self._not_ready(f"not ready within {timeout:g} s; last answer: {last}")

    def _not_ready(self, why: str) -> NotReadyError:
        return NotReadyError(self._which["deployment"], why, self.log_tail())

    async def _watch_for_death(self, life: ServerProcess) -> None:
        how = await life.wait()
        self.ready_since = None
        await life.end()  # workers that outlive their leader would keep its port and memory
        if self.end_expected:
            self.died.set()
            self._record_event(events.DeploymentStopped(**self._which, exit=how))
        else:
            self.record_death(self._explain_exit(how), self.log_tail())
        self._over(self)

    def _explain_exit(self, how: str) -> str:
        killed = "SIGKILL" in how or "status unknown" in how
        oom_killed = killed and oom_kills() > self._oom_kills
        return f"{how}; the kernel's out-of-memory killer ended a process in that time" if oom_killed else how

    async def _keep_log(self) -> None:
        """Cap the log, so that endless output does not fill the disk; faster growth, shorter pauses."""
        limit, recorded, pause = self.deployment.options.log_size, False, _LOG_PAUSE_SECONDS[0]
        while True:
            try:
                capped = truncate_log(self._log, limit)
            except OSError:  # no room to keep the newest part: the log was emptied
                capped = True
            if capped:
                if not recorded:
                    self._record_event(events.LogCapped(**self._which, bytes=limit))
                recorded = True
            pause = _LOG_PAUSE_SECONDS[0] if capped else min(2 * pause, _LOG_PAUSE_SECONDS[1])
            await asyncio.sleep(pause)
