"""Hosts that are folders of this machine: real runners by the functions of a host, without a cluster."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeVar

from aging.study import host as functions
from aging.study.fleet import AttemptKey, Chunk, File, Held, HostFacts, HostLostError, Look, Node, Order, Reservation

T = TypeVar("T")


class LocalFleet:
    """Hosts by name. A host in ``gone`` is not in the cluster and answers nothing."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = hosts
        self.gone: set[str] = set()
        self.joined: dict[str, int] = {}
        self.reserved: dict[str, Held] = {}
        self.closed = False

    async def nodes(self) -> Sequence[Node]:
        return [
            Node(host, f"{host}-{self.joined.get(host, 0)}", host not in self.gone, cpus=2, memory=2**30)
            for host in self.hosts
        ]

    async def reserve(self, key: AttemptKey, node: Node, what: Reservation) -> bool:
        """A cell takes it all."""
        if node.host in self.reserved and self.reserved[node.host].key != key:
            return False
        self.reserved[node.host] = Held(key, node.host, made=True, cpus=2, gpus=0, scratch=what.scratch)
        return True

    async def release(self, key: AttemptKey) -> None:
        self.reserved = {host: held for host, held in self.reserved.items() if held.key != key}

    async def reservations(self) -> Sequence[Held]:
        return list(self.reserved.values())

    async def facts(self, node: Node, scratch: str) -> HostFacts:
        return await self._call(node, functions.facts, node.host, scratch, time.time())

    async def start(self, node: Node, order: Order) -> Look:
        return await self._call(node, functions.start, node.host, order)

    async def resume(self, node: Node, key: AttemptKey, scratch: str) -> Look:
        return await self._call(node, functions.resume, node.host, key, scratch)

    async def stop(self, node: Node, key: AttemptKey, scratch: str) -> Look:
        return await self._call(node, functions.stop, node.host, key, scratch)

    async def look(self, node: Node, keys: Sequence[AttemptKey], scratch: str) -> Sequence[Look]:
        return await self._call(node, functions.look, node.host, keys, scratch)

    async def discard(self, node: Node, key: AttemptKey, scratch: str) -> None:
        await self._call(node, functions.discard, node.host, key, scratch)

    async def read(self, node: Node, key: AttemptKey, scratch: str, files: Sequence[File]) -> AsyncIterator[Chunk]:
        chunks = iter(functions.read(node.host, key, scratch, files))
        while (chunk := await self._call(node, lambda: next(chunks, None))) is not None:
            yield chunk

    async def close(self) -> None:
        self.closed = True

    async def _call(self, node: Node, function: Callable[..., T], *arguments: Any) -> T:
        if node.host in self.gone:
            raise HostLostError(f"{node.host} is not there")
        answer = await asyncio.to_thread(function, *arguments)
        if node.host in self.gone:
            raise HostLostError(f"{node.host} went away")
        return answer
