"""Servers that the campaign starts as child processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from aging.core.endpoint import Endpoint
from aging.core.errors import DeploymentError
from aging.core.processes.child import MAIN, AdoptedProcess, Child, ChildProcesses
from aging.core.processes.logs import open_log
from aging.core.processes.ownership import GENERATION_MARKER, age, mark
from aging.deployments.lifecycle import Launch, PriorServer


@dataclass(frozen=True, slots=True)
class LaunchedProcesses:
    """An origin: child processes in ``folder``, listening on ``port``.

    ``patience`` is the time from the first signal of the launch's stop ladder to SIGKILL, in seconds.
    """

    launch: Launch
    port: int
    patience: float
    folder: Path = Path()
    returns_within: ClassVar[float] = 0.0

    @property
    def endpoint(self) -> Endpoint:
        return self.launch.endpoint

    @property
    def metrics_url(self) -> str | None:
        return self.launch.endpoint.metrics_url

    async def begin(self, campaign: Path, log: Path) -> ChildProcesses:
        children: dict[str, Child] = {}
        environment = {**self.launch.env, GENERATION_MARKER: mark(log)}
        try:
            with open_log(log) as output:
                for name, argv in {MAIN: self.launch.argv, **self.launch.components}.items():
                    children[name] = await Child.start(argv, environment, campaign, output, folder=self.folder)
        except (asyncio.CancelledError, DeploymentError):  # the started ones have no other owner
            for child in children.values():
                await child.terminate(patience=0.0)
            raise
        return ChildProcesses(
            children, self.launch.argv, self.port, self.patience, time.monotonic(), stop=self.launch.stop
        )

    async def readopt(self, prior: PriorServer) -> ChildProcesses | None:
        if not prior.proven():
            return None
        members = {name: AdoptedProcess(one, mark(prior.log)) for name, one in prior.processes.items()}
        born = time.monotonic() - age(prior.processes[MAIN].pid)
        return ChildProcesses(members, self.launch.argv, self.port, self.patience, born, stop=self.launch.stop)

    def described(self) -> Mapping[str, Any]:
        components = {name: list(argv) for name, argv in self.launch.components.items()}
        description = {"command": list(self.launch.argv), "env": dict(self.launch.env)}
        return description | ({"components": components} if components else {})
