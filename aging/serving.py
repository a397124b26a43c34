"""One serving deployment's life: started, proven ready, watched, restarted, stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx

from aging.deployments import Deployment, Endpoint
from aging.errors import DeploymentError
from aging.load.request import send
from aging.load.schedule import PlannedRequest
from aging.process import Child, describe_exit, log_tail
from aging.samplers import Target
from aging.store.layout import Layout

_PROBE = PlannedRequest(index=-1, at=0.0, prompt_tokens=4, output_tokens=2, streaming=True)
_PROBE_TIMEOUT_SECONDS = 30.0
_PROBE_PAUSE_SECONDS = 0.1

Tell = Callable[..., object]


class Serving:
    """A deployment under test. ``tell(kind, deployment, **details)`` writes the journal."""

    def __init__(self, deployment: Deployment[Any], replica: int, layout: Layout, tell: Tell) -> None:
        self.deployment = deployment
        self.name: str = deployment.options.name
        self.replica = replica
        self.generation = 0
        self.ready_since: float | None = None
        self.died = asyncio.Event()
        self._layout = layout
        self._tell = tell
        self._launch = deployment.launch()
        self._child: Child | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def endpoint(self) -> Endpoint:
        return self._launch.endpoint

    @property
    def age(self) -> float | None:
        """Seconds since this generation was ready; None while it is not."""
        return None if self.ready_since is None else time.monotonic() - self.ready_since

    def target(self) -> Target | None:
        """What the samplers watch; None while there is no process."""
        if self._child is None or self._child.exit_status is not None:
            return None
        endpoint = self._launch.endpoint
        metrics = endpoint.base_url + endpoint.metrics_path if endpoint.metrics_path else None
        return Target(
            self.name,
            "tree",
            self.generation,
            self._child.pid,
            metrics_url=metrics,
            engine_metrics=self.deployment.engine_metrics,
        )

    async def start(self) -> None:
        """Launch the next generation and wait for a completed request. Raises DeploymentError."""
        self.generation += 1
        log_path = self._layout.log(self.name, self.generation, self.replica)
        log_path.parent.mkdir(parents=True, exist_ok=True)
        started = time.monotonic()
        with log_path.open("ab") as log:
            self._child = await Child.start(self._launch.argv, self._launch.env, self._layout.root, log)
        self._tell(
            "deployment_started",
            self.name,
            replica=self.replica,
            generation=self.generation,
            pid=self._child.pid,
            command=list(self._launch.argv),
        )
        await self._until_ready(self._child, started)
        self.ready_since = time.monotonic()
        self._tell(
            "deployment_ready",
            self.name,
            replica=self.replica,
            generation=self.generation,
            seconds=round(self.ready_since - started, 3),
        )
        self._watch = asyncio.create_task(self._watch_for_death(self._child))

    async def stop(self, *, journal: bool = True) -> None:
        """End the process group; a death from here on is no news."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self.ready_since = None
        if self._child is not None:
            child, alive = self._child, self._child.exit_status is None
            await child.terminate(self.deployment.options.stop_timeout)
            self._child = None
            if journal and alive:
                self._tell(
                    "deployment_stopped",
                    self.name,
                    replica=self.replica,
                    generation=self.generation,
                    exit=describe_exit(child.exit_status or 0),
                )

    async def _until_ready(self, child: Child, started: float) -> None:
        timeout = self.deployment.options.ready_timeout
        last = "no request was answered"
        async with httpx.AsyncClient(base_url=self._launch.endpoint.base_url, trust_env=False) as http:
            while child.exit_status is None:
                left = max(started + timeout - time.monotonic(), 0.1)
                patience = min(_PROBE_TIMEOUT_SECONDS, left)
                answer = await send(http, self._launch.endpoint, _PROBE, " a b c d", patience)
                if answer.error is None and child.listens_on(self.deployment.options.port):
                    return
                last = answer.error or f"port {self.deployment.options.port} is served by a process of somebody else"
                if time.monotonic() - started > timeout:
                    raise self._not_ready(f"not ready within {timeout:g} s; last answer: {last}")
                await asyncio.sleep(_PROBE_PAUSE_SECONDS)
        raise self._not_ready(f"ended before it was ready ({describe_exit(child.exit_status)})")

    def _not_ready(self, what: str) -> DeploymentError:
        lines = log_tail(self._layout.log(self.name, self.generation, self.replica))
        self._tell("deployment_died", self.name, replica=self.replica, generation=self.generation, why=what, log=lines)
        self.died.set()
        shown = "".join(f"\n  | {line}" for line in lines)
        return DeploymentError(f"{self.name}: {what}{shown}")

    async def _watch_for_death(self, child: Child) -> None:
        status = await child.wait()
        self.ready_since = None
        await child.terminate(patience=0.0)  # workers that outlive their leader would keep its port and its memory
        self._tell(
            "deployment_died",
            self.name,
            replica=self.replica,
            generation=self.generation,
            why=describe_exit(status),
            log=log_tail(self._layout.log(self.name, self.generation, self.replica)),
        )
        self.died.set()
