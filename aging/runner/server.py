"""One deployment under test: begun, proven ready, watched, restarted, stopped or left alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

from aging.core.clock import Timeline
from aging.core.endpoint import Endpoint
from aging.core.errors import DeploymentError, writing
from aging.core.processes.child import MAIN, Life, oom_kills
from aging.core.processes.logs import cap, tail
from aging.core.processes.ownership import command_line, identity, mark
from aging.core.records import TREE
from aging.core.targets import Target
from aging.deployments.base import DeploymentBase
from aging.deployments.lifecycle import PastLife
from aging.load.http.transport import Transport
from aging.load.requests.bodies import content
from aging.load.requests.send import Answer, send
from aging.load.schedule.planned_request import PlannedRequest
from aging.runner.free_ports import FreePort
from aging.store import events
from aging.store.events import Journalize, ServerKey
from aging.store.layout import Layout
from aging.store.state import RunState

_PROBE = PlannedRequest(number=-1, at=0.0, prompt_tokens=4, output_tokens=2, streaming=True)
_PROBE_TIMEOUT_SECONDS = 30.0
_PROBE_PAUSE_SECONDS = 0.1
_RETURN_PAUSE_SECONDS = 1.0
_LOG_PAUSE_SECONDS = (0.05, 1.0)


class Server:
    """A deployment under test. ``tell`` writes the journal.

    ``port`` is where one whose campaign names no port gets its own from: before its first start, and when it is started
    under another runner. A restart keeps it, for the load process goes on sending to it.
    """

    def __init__(
        self, deployment: DeploymentBase[Any], replica: int, layout: Layout, tell: Journalize, port: FreePort
    ) -> None:
        self.deployment = deployment
        self.name: str = deployment.options.name
        self.replica = replica
        self.generation = 0
        self.ready_since: float | None = None
        self.died = asyncio.Event()
        self._layout = layout
        self._tell = tell
        self._free_port = port if deployment.chooses_port else None
        self._origin = deployment.origin()
        self._life: Life | None = None
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
        """What the samplers watch; None while there is no process."""
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
            life=mark(self._layout.log(self.name, self.generation, self.replica)),
            metrics_url=self._origin.metrics_url,
            engine_metrics=self.deployment.common_metrics(),
        )

    async def start(self, *, probe: bool = True) -> None:
        """Begin the next generation and wait for a completed request, where there is somewhere to send one.

        Without ``probe`` nothing is sent. Raises DeploymentError.
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
        self._log_keeper = asyncio.create_task(self._keep_log(log_path))
        await self._became(life, started, probe=probe)

    async def resume(self, past: RunState, timeline: Timeline, lost: str | None, *, probe: bool = True) -> None:
        """Go on with the generation that a runner which has gone had begun; begin the next where that has ended.

        ``lost`` is why it has, where that is known. Raises DeploymentError.
        """
        self.generation = past.generation
        log = self._layout.log(self.name, self.generation, self.replica)
        began, self._oom_kills = time.monotonic(), oom_kills()
        if self._free_port is not None and past.port is not None:
            self._place(past.port)
        life = await self._origin.readopt(PastLife(past.processes, past.main, past.command, log))
        if life is None:
            if past.main is not None:
                self._say_gone(lost)
            self._choose_port()  # somebody else may have taken it since
            await self.start(probe=probe)
            return
        if self._free_port is not None and past.port is not None:
            self._free_port.hold(past.port)
        self._life = life
        self._log_keeper = asyncio.create_task(self._keep_log(log))
        if past.ready is None:  # the other runner was killed before it was: it answers now, or soon
            await self._became(life, began, probe=probe)
            return
        self.ready_since = timeline.here(past.ready)
        self._tell(events.DeploymentReadopted(**self._which, pid=past.pid))
        self._watch = asyncio.create_task(self._watch_for_death(life))

    def _choose_port(self) -> None:
        if self._free_port is not None:
            self._place(self._free_port.take())

    def _place(self, port: int) -> None:
        self.deployment = self.deployment.at(port)
        self._origin = self.deployment.origin()

    def _say_gone(self, why: str | None) -> None:
        if why is not None:
            self._tell(events.DeploymentGone(**self._which, why=why))
        else:
            unseen = "ended while no runner watched it, so that its exit status is not known"
            self._say_died(unseen, self._log_tail())

    async def gone_for_good(self) -> None:
        """Follow what somebody else starts again into its next generations; return when there will be none."""
        await self.died.wait()
        while self._origin.returns:
            started = time.monotonic()
            try:
                life = await self._origin.begin(
                    self._layout.root, self._layout.log(self.name, self.generation + 1, self.replica)
                )
            except DeploymentError:
                await asyncio.sleep(_RETURN_PAUSE_SECONDS)
                continue
            self.generation += 1
            self._life = life
            self.died.clear()
            await self._became(life, started, probe=False)
            await self.died.wait()

    async def give_up(self, why: str) -> None:
        """End it for good: as a death would, it takes its own load with it, and the others go on."""
        for task in (self._watch, self._log_keeper):
            if task is not None:
                task.cancel()
        self._watch = self._log_keeper = None
        self.ready_since = None
        if self._life is not None:
            await self._life.end()
            self._say_died(why, self._log_tail())
            self.died.set()

    async def stop(self) -> None:
        """End what was begun; a death from here on is no news."""
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
                self._tell(stopped)

    async def _became(self, life: Life, started: float, *, probe: bool) -> None:
        pids = {name: next(iter(tree), None) for name, tree in life.trees.items()}
        main = pids.pop(MAIN, None)
        known, port = None if main is None else identity(main), self.deployment.port
        self._tell(
            events.DeploymentStarted(
                **self._which,
                pid=main,
                port=port,
                command=list(life.command),
                main=None if known is None else astuple(known),
                processes={name: astuple(one) for name, one in life.ours.items()},
                components=pids,
            )
        )
        if probe and self._origin.endpoint is not None:
            try:
                await self._until_ready(life, self._origin.endpoint, started)
            except DeploymentError:  # the others get the machine to themselves
                await life.end()
                self._life = None
                raise
        self.ready_since = time.monotonic()
        seen = [] if main is None else list(command_line(main))
        seconds = round(self.ready_since - started, 3)
        self._tell(events.DeploymentReady(**self._which, seconds=seconds, seen=seen))
        self._watch = asyncio.create_task(self._watch_for_death(life))

    def _say_died(self, why: str, log: Sequence[str]) -> None:
        self._tell(events.DeploymentDied(**self._which, why=why, log=log))

    @property
    def _which(self) -> ServerKey:
        return {"deployment": self.name, "replica": self.replica, "generation": self.generation}

    async def _until_ready(self, life: Life, endpoint: Endpoint, started: float) -> None:
        timeout = self.deployment.options.ready_timeout
        last = "no request was answered"
        asked = content(endpoint, _PROBE, (" a b c d",))
        async with Transport() as transport:
            while life.trees:
                left = max(started + timeout - time.monotonic(), 0.1)
                patience = min(_PROBE_TIMEOUT_SECONDS, left)
                answer = await _unless(life, send(transport, endpoint, _PROBE, asked, patience))
                if answer is None:  # whoever holds its port may take the request and never answer
                    break
                if answer.error is None and await asyncio.to_thread(life.serves):
                    return
                last = answer.error or f"{endpoint.base_url} is served by a process of somebody else"
                if time.monotonic() - started > timeout:
                    raise self._not_ready(f"not ready within {timeout:g} s; last answer: {last}")
                await asyncio.sleep(_PROBE_PAUSE_SECONDS)
        raise self._not_ready(f"ended before it was ready ({self._because(await life.wait())})")

    def _not_ready(self, what: str) -> DeploymentError:
        lines = self._log_tail()
        self._say_died(what, lines)
        self.died.set()
        shown = "".join(f"\n  | {line}" for line in lines)
        return DeploymentError(f"{self.name}: {what}{shown}")

    async def _watch_for_death(self, life: Life) -> None:
        how = await life.wait()
        self.ready_since = None
        await life.end()  # workers that outlive their leader would keep its port and its memory
        self._say_died(self._because(how), self._log_tail())
        self.died.set()

    def _because(self, how: str) -> str:
        struck = "SIGKILL" in how and oom_kills() > self._oom_kills
        return f"{how}; the kernel's out-of-memory killer has struck meanwhile" if struck else how

    async def _keep_log(self, log: Path) -> None:
        """A server that prints without end must not fill the disk: the faster it prints, the closer it is followed."""
        most, told, pause = self.deployment.options.log_size, False, _LOG_PAUSE_SECONDS[0]
        while True:
            try:
                capped = cap(log, most)
            except OSError:  # no room to keep its newest part: it has been emptied all the same
                capped = True
            if capped:
                if not told:
                    self._tell(events.LogCapped(**self._which, bytes=most))
                told = True
            pause = _LOG_PAUSE_SECONDS[0] if capped else min(2 * pause, _LOG_PAUSE_SECONDS[1])
            await asyncio.sleep(pause)

    def _log_tail(self) -> list[str]:
        return tail(self._layout.log(self.name, self.generation, self.replica))


async def _unless(life: Life, answering: Coroutine[Any, Any, Answer]) -> Answer | None:
    """What is answered; None where the life has ended before."""
    answer, end = asyncio.create_task(answering), asyncio.create_task(life.wait())
    try:
        await asyncio.wait({answer, end}, return_when=asyncio.FIRST_COMPLETED)
        return answer.result() if answer.done() else None
    finally:
        for task in (answer, end):
            task.cancel()
        await asyncio.gather(answer, end, return_exceptions=True)
