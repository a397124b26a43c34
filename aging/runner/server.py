"""One deployment under test: started, proven ready, watched, restarted, stopped or left running."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from aging.core.clock import Timeline
from aging.core.endpoint import Endpoint
from aging.core.errors import DeploymentError, writing
from aging.core.processes.child import MAIN, ServerProcess, oom_kills
from aging.core.processes.logs import tail, truncate_log
from aging.core.processes.ownership import command_line, identity, mark
from aging.core.records import TREE
from aging.core.targets import Target
from aging.deployments.base import DeploymentBase
from aging.deployments.lifecycle import PriorServer
from aging.runner.free_ports import FreePort
from aging.store import events
from aging.store.events import Journalize, ServerKey
from aging.store.layout import Layout
from aging.store.state import RunState

_RETURN_PAUSE_SECONDS = 1.0
_LOG_PAUSE_SECONDS = (0.05, 1.0)


class Server:
    """A deployment under test. ``record_event`` writes the journal.

    ``port`` supplies the port if the campaign names no port: before the first start, and at the first start under
    another runner. A restart keeps the port, because the load process keeps sending to it.
    """

    def __init__(
        self, deployment: DeploymentBase[Any], replica: int, layout: Layout, record_event: Journalize, port: FreePort
    ) -> None:
        self.deployment = deployment
        self.name: str = deployment.options.name
        self.replica = replica
        self.generation = 0
        self.ready_since: float | None = None
        self.died = asyncio.Event()
        self.death: str | None = None
        """How its last process that ended by itself did so."""
        self._layout = layout
        self._record_event = record_event
        self._free_port = port if deployment.chooses_port else None
        self._origin = deployment.origin()
        self._life: ServerProcess | None = None
        self._oom_kills = 0
        self._watch: asyncio.Task[None] | None = None
        self._log_keeper: asyncio.Task[None] | None = None

    @property
    def endpoint(self) -> Endpoint | None:
        return self._origin.endpoint

    @property
    def age(self) -> float | None:
        """Seconds since this generation was ready; None while it is not."""
        return None if self.ready_since is None else time.monotonic() - self.ready_since

    @property
    def born(self) -> float | None:
        """When the main process of this generation started, in monotonic seconds; None while there is none."""
        return None if self._life is None else self._life.born

    def target(self) -> Target | None:
        """The target of the samplers; None while no process runs."""
        life = self._life
        trees = {} if life is None else life.trees
        if life is None or not trees:
            return None
        return Target(
            self.name,
            TREE,
            self.generation,
            tuple(pid for pids in trees.values() for pid in pids),
            with_descendants=life.with_descendants,
            components=trees if len(trees) > 1 else {},
            mark=mark(self._layout.log(self.name, self.generation, self.replica)),
            metrics_url=self._origin.metrics_url,
            engine_metrics=self.deployment.common_metrics(),
        )

    async def start(self, *, probe: bool = True) -> None:
        """Start the next generation and wait until it completes a probe request, if it has an endpoint.

        Without ``probe`` no request is sent. Raises DeploymentError.
        """
        if self.deployment.chooses_port:
            self._choose_port()
        self.generation += 1
        log_path = self._layout.log(self.name, self.generation, self.replica)
        with writing(log_path):
            log_path.parent.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        self._oom_kills = oom_kills()
        try:
            self._life = life = await self._origin.begin(self._layout.root, log_path)
        except DeploymentError as error:
            raise self._not_ready(str(error)) from None
        self._log_keeper = self._keeping_log(life, log_path)
        await self._await_ready(life, started, probe=probe)

    async def resume(self, prior: RunState, timeline: Timeline, lost: str | None, *, probe: bool = True) -> None:
        """Re-adopt the generation that an earlier runner started; start the next one if it has ended.

        ``lost`` is why it has ended, if known. Raises DeploymentError.
        """
        self.generation = prior.generation
        log = self._layout.log(self.name, self.generation, self.replica)
        began, self._oom_kills = time.monotonic(), oom_kills()
        if self._free_port is not None and prior.port is not None:
            self._use_port(prior.port)
        life = await self._origin.readopt(PriorServer(prior.processes, prior.main, prior.command, log))
        if life is None:
            if prior.main is not None:
                self._record_gone(lost)
            self._choose_port()  # another process may use the old one
            await self.start(probe=probe)
            return
        if self._free_port is not None and prior.port is not None:
            self._free_port.hold(prior.port)
        self._life = life
        self._log_keeper = self._keeping_log(life, log)
        if prior.ready is None:  # that runner was killed before the server was ready
            await self._await_ready(life, began, probe=probe)
            return
        self.ready_since = timeline.here(prior.ready)
        self._record_event(events.DeploymentReadopted(**self._which, pid=prior.pid))
        self._watch = asyncio.create_task(self._watch_for_death(life))

    def _choose_port(self) -> None:
        if self._free_port is not None:
            self._use_port(self._free_port.take())

    def _use_port(self, port: int) -> None:
        self.deployment = self.deployment.at(port)
        self._origin = self.deployment.origin()

    def _record_gone(self, why: str | None) -> None:
        if why is not None:
            self._record_event(events.DeploymentGone(**self._which, why=why))
        else:
            why = "exited while the runner was down (status unknown)"
            self._record_death(why, self._log_tail())

    async def follow_restarts(self) -> None:
        """Follow a process that is restarted from outside into its next generations; return when it does not return."""
        await self.died.wait()
        while (life := await self._next_life()) is not None:
            self.generation += 1
            self._life = life
            self.died.clear()
            await self._await_ready(life, time.monotonic(), probe=False)
            await self.died.wait()

    async def _next_life(self) -> ServerProcess | None:
        """The process that another program starts in place of the one that died; None if none appears in time."""
        log, patience = self._layout.log(self.name, self.generation + 1, self.replica), self._origin.returns_within
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            try:
                return await self._origin.begin(self._layout.root, log)
            except DeploymentError:
                await asyncio.sleep(_RETURN_PAUSE_SECONDS)
        return None

    async def end_for_good(self, why: str) -> None:
        """End the server for good: like a death, this ends only its own load."""
        for task in (self._watch, self._log_keeper):
            if task is not None:
                task.cancel()
        self._watch = self._log_keeper = None
        self.ready_since = None
        if self._life is not None:
            await self._life.end()
            self._record_death(why, self._log_tail())
            self.died.set()

    async def stop(self) -> None:
        """Stop the server; its end is not journaled as a death."""
        for task in (self._watch, self._log_keeper):
            if task is not None:
                task.cancel()
        self._watch = self._log_keeper = None
        self.ready_since = None
        if self._life is not None:
            alive = bool(self._life.trees)
            how = await self._life.end()
            self._life = None
            if alive:
                which = self._which
                stopped = events.DeploymentLeft(**which) if how is None else events.DeploymentStopped(**which, exit=how)
                self._record_event(stopped)

    async def _await_ready(self, life: ServerProcess, started: float, *, probe: bool) -> None:
        pids = {name: next(iter(tree), None) for name, tree in life.trees.items()}
        main = pids.pop(MAIN, None)
        known, port = None if main is None else identity(main), self.deployment.port
        self._record_event(
            events.DeploymentStarted(
                **self._which,
                pid=main,
                port=port,
                command=list(life.command),
                main=None if known is None else astuple(known),
                processes={name: astuple(one) for name, one in life.owned.items()},
                components=pids,
            )
        )
        if probe and self._origin.endpoint is not None:
            try:
                await self._until_ready(life, self._origin.endpoint, started)
            except DeploymentError:  # free the host for the other deployments
                await life.end()
                self._life = None
                raise
        self.ready_since = time.monotonic()
        seen = [] if main is None else list(command_line(main))
        seconds = round(self.ready_since - started, 3)
        self._record_event(events.DeploymentReady(**self._which, seconds=seconds, seen=seen))
        self._watch = asyncio.create_task(self._watch_for_death(life))

    def _record_death(self, why: str, log: Sequence[str]) -> None:
        self.death = why
        self._record_event(events.DeploymentDied(**self._which, why=why, log=log))

    @property
    def _which(self) -> ServerKey:
        return {"deployment": self.name, "replica": self.replica, "generation": self.generation}

    async def _until_ready(self, life: ServerProcess, endpoint: Endpoint, started: float) -> None:
        from aging.runner.probe import last_refusal  # noqa: PLC0415 - an observation sends no request

        timeout = self.deployment.options.ready_timeout
        try:
            last = await last_refusal(life, endpoint, started, timeout)
        except ProcessLookupError:
            how = self._explain_exit(await life.wait())
            raise self._not_ready(f"ended before it was ready ({how})") from None
        if last is not None:
            raise self._not_ready(f"not ready within {timeout:g} s; last answer: {last}")

    def _not_ready(self, what: str) -> DeploymentError:
        lines = self._log_tail()
        self._record_death(what, lines)
        self.died.set()
        shown = "".join(f"\n  | {line}" for line in lines)
        return DeploymentError(f"{self.name}: {what}{shown}")

    async def _watch_for_death(self, life: ServerProcess) -> None:
        how = await life.wait()
        self.ready_since = None
        await life.end()  # workers that outlive their leader would keep its port and memory
        self._record_death(self._explain_exit(how), self._log_tail())
        self.died.set()

    def _explain_exit(self, how: str) -> str:
        killed = "SIGKILL" in how or "status unknown" in how
        oom_killed = killed and oom_kills() > self._oom_kills
        return f"{how}; the kernel's out-of-memory killer ended a process in that time" if oom_killed else how

    def _keeping_log(self, life: ServerProcess, log: Path) -> asyncio.Task[None] | None:
        """A task that caps the log; None for processes that the campaign did not start, which write none here."""
        return asyncio.create_task(self._keep_log(log)) if life.owned else None

    async def _keep_log(self, log: Path) -> None:
        """Cap the log, so that endless output does not fill the disk; faster growth, shorter pauses."""
        limit, recorded, pause = self.deployment.options.log_size, False, _LOG_PAUSE_SECONDS[0]
        while True:
            try:
                capped = truncate_log(log, limit)
            except OSError:  # no room to keep the newest part: the log was emptied
                capped = True
            if capped:
                if not recorded:
                    self._record_event(events.LogCapped(**self._which, bytes=limit))
                recorded = True
            pause = _LOG_PAUSE_SECONDS[0] if capped else min(2 * pause, _LOG_PAUSE_SECONDS[1])
            await asyncio.sleep(pause)

    def _log_tail(self) -> list[str]:
        return tail(self._layout.log(self.name, self.generation, self.replica))
