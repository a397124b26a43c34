"""The simulated host around a campaign: which servers and loads it runs, which are silent, whether its disk is full."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from aging.core.endpoint import Endpoint
from aging.core.processes.ownership import Identity
from aging.load.requests.send import Answer
from analysis.accelerated.servers import Life, Server
from analysis.accelerated.virtual_time import VirtualClock


class LoadHandle(Protocol):
    """What the scenario can do to a load process."""

    def die(self) -> None:
        """End at once, as by SIGKILL."""


@dataclass
class World:
    """What there is beside the campaign: servers that live, those that are silent, room on the disk.

    ``gone`` are the deployments whose server ended while nobody watched. ``lives`` are the last of each deployment,
    ``addresses`` the last at each base URL, ``pids`` all there were.
    """

    clock: VirtualClock
    servers: Mapping[str, Server]
    seed: int
    gone: frozenset[str] = frozenset()
    began_load: Callable[[Path, float], None] = lambda _folder, _at: None
    lives: dict[str, Life] = field(default_factory=dict)
    addresses: dict[str, Life] = field(default_factory=dict)
    pids: dict[int, Life] = field(default_factory=dict)
    loads: dict[str, LoadHandle] = field(default_factory=dict)
    silences: dict[str, tuple[float, float]] = field(default_factory=dict)
    disk_full: bool = False

    def begin(self, name: str, endpoint: Endpoint, life: Life) -> None:
        """There is another life of a deployment."""
        self.lives[name] = self.addresses[endpoint.base_url] = self.pids[life.identity.pid] = life

    def life_of(self, endpoint: Endpoint) -> Life | None:
        return self.addresses.get(endpoint.base_url)

    def identity(self, pid: int) -> Identity | None:
        """In the place of :func:`aging.core.processes.ownership.identity`."""
        life = self.pids.get(pid)
        return life.identity if life is not None and life.how is None else None

    def command_line(self, pid: int) -> tuple[str, ...]:
        """In the place of :func:`aging.core.processes.ownership.command_line`."""
        return ("simulated",) if self.identity(pid) else ()

    async def send(self, _transport: object, endpoint: Endpoint, *_: object) -> Answer:
        """In the place of :func:`aging.load.requests.send.send`: the probe for readiness."""
        await asyncio.sleep(0.02)
        life = self.life_of(endpoint)
        if life is None or life.how is not None or self.clock.monotonic() - life.born < life.server.ready:
            return Answer(status="error", failure="connect", error="ConnectError: connection refused")
        return Answer(http_status=200)
