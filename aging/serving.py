"""One deployment under test: begun, proven ready, watched, restarted, stopped or left alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aging.deployments import Endpoint, Subject
from aging.errors import DeploymentError
from aging.load.bodies import content
from aging.load.planned import PlannedRequest
from aging.load.request import send
from aging.load.transport import Transport
from aging.logs import cap, tail
from aging.process import MAIN, Life, oom_kills
from aging.samplers import Target
from aging.store.layout import Layout

_PROBE = PlannedRequest(number=-1, at=0.0, prompt_tokens=4, output_tokens=2, streaming=True)
_PROBE_TIMEOUT_SECONDS = 30.0
_PROBE_PAUSE_SECONDS = 0.1
_RETURN_PAUSE_SECONDS = 1.0
_LOG_PAUSE_SECONDS = (0.05, 1.0)

Tell = Callable[..., object]


class Serving:
    """A deployment under test. ``tell(kind, deployment, **details)`` writes the journal."""

    def __init__(self, deployment: Subject[Any], replica: int, layout: Layout, tell: Tell) -> None:
        self.deployment = deployment
        self.name: str = deployment.options.name
        self.replica = replica
        self.generation = 0
        self.ready_since: float | None = None
        self.died = asyncio.Event()
        self._layout = layout
        self._tell = tell
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
            "tree",
            self.generation,
            tuple(pid for pids in trees.values() for pid in pids),
            with_descendants=life.with_descendants,
            components=trees if len(trees) > 1 else {},
            life=str(self._layout.log(self.name, self.generation, self.replica)),
            metrics_url=self._origin.metrics_url,
            engine_metrics=self.deployment.common_metrics(),
        )

    async def start(self, *, probe: bool = True) -> None:
        """Begin the next generation and wait for a completed request, where there is somewhere to send one.

        Without ``probe`` nothing is sent. Raises DeploymentError.
        """
        self.generation += 1
        log_path = self._layout.log(self.name, self.generation, self.replica)
        log_path.parent.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        self._oom_kills = oom_kills()
        try:
            self._life = life = await self._origin.begin(self._layout.root, log_path)
        except DeploymentError as error:
            raise self._not_ready(str(error)) from None
        self._log_keeper = asyncio.create_task(self._keep_log(log_path))
        await self._became(life, started, probe=probe)

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
                self._say("deployment_stopped", exit=how) if how is not None else self._say("deployment_left")

    async def _became(self, life: Life, started: float, *, probe: bool) -> None:
        pids = {name: next(iter(tree), None) for name, tree in life.trees.items()}
        self._say(
            "deployment_started",
            pid=pids.pop(MAIN, None),
            command=list(life.command),
            **({"components": pids} if pids else {}),
        )
        if probe and self._origin.endpoint is not None:
            try:
                await self._until_ready(life, self._origin.endpoint, started)
            except DeploymentError:  # the others get the machine to themselves
                await life.end()
                self._life = None
                raise
        self.ready_since = time.monotonic()
        self._say("deployment_ready", seconds=round(self.ready_since - started, 3))
        self._watch = asyncio.create_task(self._watch_for_death(life))

    def _say(self, kind: str, **details: Any) -> None:
        self._tell(kind, self.name, replica=self.replica, generation=self.generation, **details)

    async def _until_ready(self, life: Life, endpoint: Endpoint, started: float) -> None:
        timeout = self.deployment.options.ready_timeout
        last = "no request was answered"
        asked = content(endpoint, _PROBE, (" a b c d",))
        async with Transport() as transport:
            while life.trees:
                left = max(started + timeout - time.monotonic(), 0.1)
                patience = min(_PROBE_TIMEOUT_SECONDS, left)
                answer = await send(transport, endpoint, _PROBE, asked, patience)
                if answer.error is None and life.serves():
                    return
                last = answer.error or f"{endpoint.base_url} is served by a process of somebody else"
                if time.monotonic() - started > timeout:
                    raise self._not_ready(f"not ready within {timeout:g} s; last answer: {last}")
                await asyncio.sleep(_PROBE_PAUSE_SECONDS)
        raise self._not_ready(f"ended before it was ready ({self._because(await life.wait())})")

    def _not_ready(self, what: str) -> DeploymentError:
        lines = self._log_tail()
        self._say("deployment_died", why=what, log=lines)
        self.died.set()
        shown = "".join(f"\n  | {line}" for line in lines)
        return DeploymentError(f"{self.name}: {what}{shown}")

    async def _watch_for_death(self, life: Life) -> None:
        how = await life.wait()
        self.ready_since = None
        await life.end()  # workers that outlive their leader would keep its port and its memory
        self._say("deployment_died", why=self._because(how), log=self._log_tail())
        self.died.set()

    def _because(self, how: str) -> str:
        struck = "SIGKILL" in how and oom_kills() > self._oom_kills
        return f"{how}; the kernel's out-of-memory killer has struck meanwhile" if struck else how

    async def _keep_log(self, log: Path) -> None:
        """A server that prints without end must not fill the disk: the faster it prints, the closer it is followed."""
        most, told, pause = self.deployment.options.log_size, False, _LOG_PAUSE_SECONDS[0]
        while True:
            if capped := cap(log, most):
                if not told:
                    self._say("log_capped", bytes=most)
                told = True
            pause = _LOG_PAUSE_SECONDS[0] if capped else min(2 * pause, _LOG_PAUSE_SECONDS[1])
            await asyncio.sleep(pause)

    def _log_tail(self) -> list[str]:
        return tail(self._layout.log(self.name, self.generation, self.replica))
