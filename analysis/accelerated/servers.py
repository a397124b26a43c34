"""Servers that age by known amounts, and their generations, without a process or a socket.

A server's indicators are a function of its identity and its age, so that another process, after the first was
killed, goes on with the very same ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aging.core.processes.child import MAIN
from aging.core.processes.ownership import Identity

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
    """One generation of a server (:class:`aging.core.processes.child.Life`); ``identity`` counts from the boot."""

    with_descendants = True
    command: Sequence[str] = ("simulated",)

    def __init__(self, server: Server, identity: Identity) -> None:
        self.server = server
        self.identity = identity
        self.born = identity.start / 100
        self.how: str | None = None
        self._over = asyncio.Event()

    @property
    def trees(self) -> Mapping[str, tuple[int, ...]]:
        return {} if self.how else {MAIN: (self.identity.pid,)}

    @property
    def owned(self) -> Mapping[str, Identity]:
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
