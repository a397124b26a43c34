"""Simulated servers as deployments of a campaign: how the runner starts, readopts and describes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from aging.core.endpoint import Endpoint
from aging.core.processes.child import MAIN
from aging.core.processes.ownership import Identity
from aging.core.targets import EngineMetric
from aging.deployments.base import DeploymentBase
from aging.deployments.lifecycle import PriorServer
from aging.deployments.runtimes.vllm import Vllm
from analysis.accelerated.servers import Life, Server
from analysis.accelerated.world import World

_FIRST_PID = 5_000_000
"""No process of this host: above the kernel's largest."""


@dataclass(frozen=True, slots=True)
class Beginnings:
    """An origin (:class:`aging.deployments.lifecycle.Origin`) of simulated lives."""

    world: World
    server: Server
    endpoint: Endpoint
    returns_within: ClassVar[float] = 0.0

    @property
    def metrics_url(self) -> str | None:
        return self.endpoint.metrics_url

    async def begin(self, campaign: Path, log: Path) -> Life:
        world, name = self.world, self.server.name
        place = list(world.servers).index(name)
        pid = _FIRST_PID + 100 * int(world.clock.host.true) + 10 * place
        life = Life(self.server, Identity(pid, int(100 * world.clock.monotonic())))
        world.begin(name, self.endpoint, life)
        with log.open("a") as lines:
            lines.write(f"{name} of {campaign.name} begins\n")
        return life

    async def readopt(self, past: PriorServer) -> Life | None:
        if MAIN not in past.processes or self.server.name in self.world.gone:
            return None
        life = Life(self.server, past.processes[MAIN])
        self.world.begin(self.server.name, self.endpoint, life)
        return life

    def described(self) -> Mapping[str, Any]:
        return {"simulated": self.server.name}


def address(name: str, port: int | None) -> str:
    """Where the server of a deployment answers; its name is the last part."""
    return f"http://simulated:{port or 0}/{name}"


class SimulatedDeployment(DeploymentBase[Any]):
    """A deployment of the campaign file with a simulated server behind its options."""

    kind = "simulated"

    def __init__(self, options: Any, world: World) -> None:
        super().__init__(options, "simulated")
        self._world = world

    def origin(self) -> Beginnings:
        name, metrics = self.options.name, self.options.metrics
        endpoint = Endpoint(address(name, self.options.port), "local", metrics_path=metrics)
        return Beginnings(self._world, self._world.servers[name], endpoint)

    @property
    def port(self) -> int | None:
        port: int | None = self.options.port
        return port

    def common_metrics(self) -> Mapping[str, EngineMetric]:
        return Vllm.engine_metrics if self.options.metrics else {}
