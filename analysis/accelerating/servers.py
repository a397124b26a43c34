"""Servers that age by known amounts: their lives, without a process or a socket, as deployments of a campaign.

A server's indicators are a function of its identity and its age, so that another process, after the first was
killed, goes on with the very same ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from accelerating.virtual_time import VirtualClock
from aging.belonging import Identity
from aging.deployments import Endpoint, PastLife, Subject
from aging.load.request import Answer
from aging.process import MAIN
from aging.samplers import EngineMetric

if TYPE_CHECKING:
    from accelerating.loads import SimulatedLoad

_FIRST_PID = 5_000_000
"""No process of this host: above the kernel's largest."""

_STOP_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Server:
    """A deployment under test. Bytes and seconds; what ages grows by so much an hour, ``fill`` is reached with ``tau``.

    ``ready`` is from its launch to its first answer.
    """

    name: str
    anonymous: float
    leak: float = 0.0
    device: float = 40e9
    device_leak: float = 0.0
    fill: float = 0.0
    tau: float = 1800.0
    ready: float = 70.0
    processes: int = 4
    ttft: float = 0.25
    token: float = 0.022


class Life:
    """One generation of a server, as :class:`aging.process.Life` has it; ``identity`` counts from the host's boot."""

    with_descendants = True
    command: Sequence[str] = ("simulated",)

    def __init__(self, world: World, server: Server, identity: Identity) -> None:
        self.server = server
        self.identity = identity
        self.born = identity.start / 100
        self.how: str | None = None
        self._world = world
        self._over = asyncio.Event()

    @property
    def trees(self) -> Mapping[str, tuple[int, ...]]:
        return {} if self.how else {MAIN: (self.identity.pid,)}

    @property
    def ours(self) -> Mapping[str, Identity]:
        return {MAIN: self.identity}

    async def wait(self) -> str:
        await self._over.wait()
        assert self.how is not None
        return self.how

    def serves(self) -> bool:
        return self.how is None

    def die(self, how: str) -> None:
        self.how = self.how or how
        self._over.set()

    async def end(self) -> str | None:
        if self.how is None:
            await asyncio.sleep(_STOP_SECONDS)
            self.die("exit 0")
        return self.how


@dataclass
class World:
    """What there is beside the campaign: servers that live, those that are silent, room on the disk.

    ``gone`` are the deployments whose server ended while nobody watched.
    """

    clock: VirtualClock
    servers: Mapping[str, Server]
    seed: int
    gone: frozenset[str] = frozenset()
    began_load: Callable[[Path, float], None] = lambda _folder, _at: None
    lives: dict[str, Life] = field(default_factory=dict)
    loads: dict[str, SimulatedLoad] = field(default_factory=dict)
    silences: dict[str, tuple[float, float]] = field(default_factory=dict)
    disk_full: bool = False

    def life_of(self, endpoint: Endpoint) -> Life | None:
        return self.lives.get(endpoint.base_url.rpartition("/")[2])

    def identity(self, pid: int) -> Identity | None:
        """In the place of :func:`aging.belonging.identity`."""
        living = (life.identity for life in self.lives.values() if life.how is None)
        return next((one for one in living if one.pid == pid), None)

    def command_line(self, pid: int) -> tuple[str, ...]:
        """In the place of :func:`aging.belonging.command_line`."""
        return ("simulated",) if self.identity(pid) else ()

    async def send(self, _transport: object, endpoint: Endpoint, *_: object) -> Answer:
        """In the place of :func:`aging.load.request.send`: the probe for readiness."""
        await asyncio.sleep(0.02)
        life = self.life_of(endpoint)
        if life is None or life.how is not None or self.clock.monotonic() - life.born < life.server.ready:
            return Answer(status="error", failure="connect", error="ConnectError: connection refused")
        return Answer(http_status=200)


@dataclass(frozen=True, slots=True)
class Beginnings:
    """An origin (:class:`aging.deployments.Origin`) of simulated lives."""

    world: World
    server: Server
    endpoint: Endpoint
    returns: ClassVar[bool] = False

    @property
    def metrics_url(self) -> str | None:
        return self.endpoint.metrics_url

    async def begin(self, campaign: Path, log: Path) -> Life:
        world, name = self.world, self.server.name
        place = list(world.servers).index(name)
        pid = _FIRST_PID + 100 * int(world.clock.host.true) + 10 * place
        life = Life(world, self.server, Identity(pid, int(100 * world.clock.monotonic())))
        world.lives[name] = life
        with log.open("a") as lines:
            lines.write(f"{name} of {campaign.name} begins\n")
        return life

    async def readopt(self, past: PastLife) -> Life | None:
        if MAIN not in past.processes or self.server.name in self.world.gone:
            return None
        self.world.lives[self.server.name] = life = Life(self.world, self.server, past.processes[MAIN])
        return life

    def described(self) -> Mapping[str, Any]:
        return {"simulated": self.server.name}


class SimulatedDeployment(Subject[Any]):
    """A deployment of the campaign file with a simulated server behind its options."""

    kind = "simulated"

    def __init__(self, options: Any, world: World) -> None:
        super().__init__(options, "simulated")
        self._world = world

    def origin(self) -> Beginnings:
        name, metrics = self.options.name, self.options.metrics
        return Beginnings(
            self._world, self._world.servers[name], Endpoint(f"http://simulated/{name}", "local", metrics_path=metrics)
        )

    @property
    def port(self) -> int | None:
        port: int | None = self.options.port
        return port

    def common_metrics(self) -> Mapping[str, EngineMetric]:
        from aging.deployments.vllm import Vllm  # noqa: PLC0415

        return Vllm.engine_metrics if self.options.metrics else {}


# The load.
