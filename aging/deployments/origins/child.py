"""Processes that the harness starts itself."""

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
    """An origin: child processes started by us in ``folder`` on ``port``.

    They are ended with ``patience`` seconds from SIGTERM to SIGKILL.
    """

    launch: Launch
    port: int
    patience: float
    folder: Path = Path()
    returns: ClassVar[bool] = False

    @property
    def endpoint(self) -> Endpoint:
        return self.launch.endpoint

    @property
    def metrics_url(self) -> str | None:
        return self.launch.endpoint.metrics_url

    async def begin(self, campaign: Path, log: Path) -> ChildProcesses:
        children: dict[str, Child] = {}
        marked = {**self.launch.env, GENERATION_MARKER: mark(log)}
        try:
            with open_log(log) as output:
                for name, argv in {MAIN: self.launch.argv, **self.launch.components}.items():
                    children[name] = await Child.start(argv, marked, campaign, output, folder=self.folder)
        except (asyncio.CancelledError, DeploymentError):  # nobody else knows of those that have started
            for child in children.values():
                await child.terminate(patience=0.0)
            raise
        return ChildProcesses(children, self.launch.argv, self.port, self.patience, time.monotonic())

    async def readopt(self, past: PriorServer) -> ChildProcesses | None:
        if not past.proven():
            return None
        members = {name: AdoptedProcess(one, mark(past.log)) for name, one in past.processes.items()}
        born = time.monotonic() - age(past.processes[MAIN].pid)
        return ChildProcesses(members, self.launch.argv, self.port, self.patience, born)

    def described(self) -> Mapping[str, Any]:
        components = {name: list(argv) for name, argv in self.launch.components.items()}
        told = {"command": list(self.launch.argv), "env": dict(self.launch.env)}
        return told | ({"components": components} if components else {})
