"""The calls of a study to Ray, in the process that is connected to the cluster."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from aging.core.errors import AgingError
from aging.core.package_code import code_at_start
from aging.study.fleet import (
    SHARED_ROOMS,
    AttemptKey,
    Chunk,
    File,
    Held,
    HostFacts,
    HostLostError,
    Look,
    Node,
    Order,
    Reservation,
)

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read as Ray is imported
os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"

import ray
from ray.util.placement_group import (
    get_placement_group,
    placement_group,
    placement_group_table,
    remove_placement_group,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy, PlacementGroupSchedulingStrategy

from aging.cluster import tasks
from aging.cluster.losses import losses_named
from aging.cluster.reservations import forget, group_name, held, note, renew

T = TypeVar("T")

_NAMESPACE = "aging"

_NODE_ID_LABEL, _HOST_LABEL, _ACCELERATOR_LABEL = "ray.io/node-id", "aging.host", "ray.io/accelerator-type"

_RESERVE_SECONDS = 5.0
"""How long a reservation may stay pending. A free host's is made within 0.1 s; a longer wait would only hold demand."""

_POLL_SECONDS = 0.05

_CONTROL_SECONDS = 15.0
"""Calls that the head answers without a host: milliseconds, unless it is gone."""

_HOST_SECONDS = 90.0
"""Calls that only read on a host: a worker's start (1 to 5 s on a loaded host) and the answer."""

_ACTION_SECONDS = 900.0
"""Start, resume, stop: a campaign's checks and sanity run, or the drain and sealing of all its servers."""

_CHUNKS_AHEAD = 2
"""Chunks of a file that a host puts into the object store before the first of them is taken."""

_LINGER_SECONDS = 2.0
"""How long a worker waits for another call before it is ended. A look and the collection that follows it share one: a
worker's start takes a second of CPU of the measured host."""


def connect(address: str) -> None:
    """Connect this process to the cluster. Raises AgingError if it cannot, in words."""
    try:
        ray.init(address=address, namespace=_NAMESPACE, log_to_driver=False, logging_level=logging.CRITICAL)
    except ConnectionError:
        raise AgingError(f"No Ray cluster answers at {address}. {_START}") from None
    except (ray.exceptions.RayError, RuntimeError, ValueError) as error:
        raise AgingError(_refusal(address, str(error))) from None


_START = "Start one with `ray start --head`, or name another address with `--cluster HOST:PORT`."


def _refusal(address: str, text: str) -> str:
    pairs = re.findall(r"Ray: (\S+)\s+Python: (\S+)", text)
    if "Version mismatch" in text and len(pairs) == 2:
        (ray_there, python_there), (ray_here, python_here) = pairs
        return (
            f"The cluster at {address} runs Ray {ray_there} on Python {python_there}; here it is Ray {ray_here} on "
            f"Python {python_here}. Use the same versions on both."
        )
    if "AuthToken" in text or "Unauthenticated" in text:
        return (
            f"The cluster at {address} asks for a token. Set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to the file "
            "of the token that its head has in ~/.ray/auth_token."
        )
    if "node" in text.lower():
        return (
            f"No Ray node of the cluster at {address} runs on this machine. Join it with "
            f"`ray start --address={address} --num-cpus=0`, or run aging on the head of the cluster."
        )
    return f"Ray cannot connect to {address}: {text.strip().splitlines()[0] if text.strip() else 'no reason given'}"


class Session:
    """What :class:`aging.study.fleet.Fleet` asks, over Ray. Files are read by ``open`` and ``next_chunks``."""

    def __init__(self) -> None:
        self._streams: dict[int, _Stream] = {}
        self._idle: dict[str, tuple[Any, asyncio.TimerHandle]] = {}

    async def nodes(self) -> Sequence[Node]:
        found: dict[str, Node] = {}
        for one in map(_node, await _control(ray.nodes)):
            known = found.get(one.host)
            if known is None or not known.alive:
                found[one.host] = one
        if not any(node.alive for node in found.values()):
            raise HostLostError("The cluster has no living node.")
        return tuple(found.values())

    async def reserve(self, key: AttemptKey, node: Node, what: Reservation) -> bool:
        name = group_name(key)
        if await self._held_by(name) == node.node:
            await _control(lambda: renew(name))
            return True
        await self.release(key)  # of a host that left: Ray would wait for its id forever
        bundle = {"CPU": node.cpus, "GPU": node.gpus} if what.exclusive else {"CPU": what.cpus, "GPU": float(what.gpus)}
        bundle = {resource: amount for resource, amount in bundle.items() if amount > 0}
        if not bundle:
            return False
        await _control(lambda: note(name, node.host, what.scratch))
        made = await _control(
            lambda: placement_group(
                [bundle],
                strategy="STRICT_PACK",
                name=name,
                lifetime="detached",
                bundle_label_selector=[{_NODE_ID_LABEL: node.node}],
            )
        )
        if await _control(lambda: made.wait(_RESERVE_SECONDS), _RESERVE_SECONDS + _CONTROL_SECONDS):
            return True
        await self.release(key)
        return False

    async def release(self, key: AttemptKey) -> None:
        name = group_name(key)
        group = await _control(lambda: _group(name))
        if group is None:
            await _control(lambda: forget(name))
            return
        await _control(lambda: remove_placement_group(group))
        deadline = time.monotonic() + _RESERVE_SECONDS
        while await _control(lambda: _group(name)) is not None:  # its name and resources are free only then
            if time.monotonic() > deadline:
                raise HostLostError(f"The cluster did not give back what is reserved for {key}.")
            await asyncio.sleep(_POLL_SECONDS)
        await _control(lambda: forget(name))

    async def reservations(self) -> Sequence[Held]:
        nodes = {one.node: one.host for one in map(_node, await _control(ray.nodes))}
        found: Sequence[Held] = await _control(lambda: held(nodes))
        return found

    async def facts(self, node: Node, scratch: str) -> HostFacts:
        told, wall = await self._on_host(node, tasks.facts, (node.host, scratch))
        return replace(told, clock_offset=wall - time.time())

    async def start(self, node: Node, order: Order) -> Look:
        within = None if order.exclusive else await self._devices(order.key, 0.0)
        arguments = (node.host, order, within is not None)
        return await self._on_host(node, tasks.start, arguments, _ACTION_SECONDS, within)

    async def resume(self, node: Node, key: AttemptKey, scratch: str) -> Look:
        within = await self._devices(key, node.gpus)  # one that has all of them has the same as before
        arguments = (node.host, key, scratch, within is not None)
        return await self._on_host(node, tasks.resume, arguments, _ACTION_SECONDS, within)

    async def stop(self, node: Node, key: AttemptKey, scratch: str) -> Look:
        return await self._on_host(node, tasks.stop, (node.host, key, scratch), _ACTION_SECONDS)

    async def look(self, node: Node, keys: Sequence[AttemptKey], scratch: str) -> Sequence[Look]:
        return await self._on_host(node, tasks.look, (node.host, tuple(keys), scratch))

    async def discard(self, node: Node, key: AttemptKey, scratch: str) -> None:
        await self._on_host(node, tasks.discard, (node.host, key, scratch))

    async def open(self, number: int, node: Node, key: AttemptKey, scratch: str, files: Sequence[File]) -> None:
        """Begin to read files; ``number`` names the stream, which is the caller's choice."""
        visit = self._visit(node)
        options = {"num_returns": "streaming", "_generator_backpressure_num_objects": _CHUNKS_AHEAD}
        asked = tasks.asked(tasks.read, node.host, key, scratch, tuple(files))
        self._streams[number] = _Stream(node, visit, visit.stream.options(**options).remote(_code(), asked))

    async def next_chunks(self, number: int) -> Sequence[Chunk] | None:
        """The next chunks of a stream, None at its end."""
        stream = self._streams[number]
        with losses_named(stream.node.host):
            async with asyncio.timeout(_HOST_SECONDS):
                try:
                    chunks: Sequence[Chunk] = await _value(await anext(stream.chunks))
                except StopAsyncIteration:
                    del self._streams[number]
                    self._linger(stream.node, stream.visit)
                    return None
                return chunks

    async def close(self, number: int) -> None:
        """End a stream, also before its end."""
        stream = self._streams.pop(number, None)
        if stream is not None:
            ray.kill(stream.visit)

    async def _devices(self, key: AttemptKey, but: float) -> dict[str, Any] | None:
        """How a call is made with the GPUs that are reserved for an attempt; None where they are none, or ``but``."""
        group = await _control(lambda: _group(group_name(key)))
        gpus = 0.0 if group is None else group.bundle_specs[0].get("GPU", 0.0)
        if gpus in (0.0, but):
            return None
        within = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=0)
        return {"scheduling_strategy": within, "num_gpus": gpus}

    async def _held_by(self, name: str) -> str | None:
        """The id of the node on which a reservation is made."""
        group = await _control(lambda: _group(name))
        if group is None:
            return None
        table = await _control(lambda: placement_group_table(group))
        nodes = table.get("bundles_to_node_id") or {}
        return str(next(iter(nodes.values()))) if table.get("state") == "CREATED" and nodes else None

    async def _on_host(
        self,
        node: Node,
        function: Callable[..., T],
        arguments: tuple[Any, ...],
        seconds: float = _HOST_SECONDS,
        options: dict[str, Any] | None = None,
    ) -> T:
        with losses_named(node.host):
            visit = self._visit(node) if options is None else _new_visit(node, options)
            try:
                async with asyncio.timeout(seconds):
                    answer: T = await _value(visit.call.remote(_code(), tasks.asked(function, *arguments)))
            except BaseException:
                ray.kill(visit)
                raise
            if options is None:
                self._linger(node, visit)
            else:  # it has devices
                ray.kill(visit)
            return answer

    def _visit(self, node: Node) -> Any:
        """A worker on a host: one that has just answered, else a new one."""
        visit, end = self._idle.pop(node.node, (None, None))
        if end is not None:
            end.cancel()
        return _new_visit(node, {}) if visit is None else visit

    def _linger(self, node: Node, visit: Any) -> None:
        """End a worker that has answered, unless it is asked again in time. At most one waits on a host."""
        if node.node in self._idle:
            ray.kill(visit)
            return
        end = asyncio.get_running_loop().call_later(_LINGER_SECONDS, self._end, node.node)
        self._idle[node.node] = visit, end

    def _end(self, node: str) -> None:
        visit, _ = self._idle.pop(node)
        ray.kill(visit)


@dataclass(frozen=True, slots=True)
class _Stream:
    """Files that are being read: on which host, by which actor, their chunks as references."""

    node: Node
    visit: Any
    chunks: AsyncIterator[Any]


def _new_visit(node: Node, options: dict[str, Any]) -> Any:
    """An actor on a host. It takes no CPU: a measured host's are all reserved."""
    affinity = NodeAffinitySchedulingStrategy(node_id=node.node, soft=False)
    actor = ray.remote(num_cpus=0, max_restarts=0, max_task_retries=0)(tasks.Visit)
    return actor.options(**{"scheduling_strategy": affinity} | options).remote()


def _code() -> str:
    return code_at_start(*SHARED_ROOMS)


async def _value(reference: Any) -> Any:
    return await asyncio.wrap_future(reference.future())


async def _control(call: Callable[[], Any], seconds: float = _CONTROL_SECONDS) -> Any:
    """The result of a blocking call to the head; HostLostError where it does not answer in time."""
    with losses_named("of the cluster's head"):
        return await asyncio.wait_for(asyncio.to_thread(call), seconds)


def _group(name: str) -> Any:
    try:
        return get_placement_group(name)
    except ValueError:
        return None


def _node(row: dict[str, Any]) -> Node:
    resources, labels = row.get("Resources") or {}, row.get("Labels") or {}
    prefix = "accelerator_type:"
    named = next((name.removeprefix(prefix) for name in sorted(resources) if name.startswith(prefix)), None)
    return Node(
        host=labels.get(_HOST_LABEL) or row.get("NodeManagerHostname") or row["NodeManagerAddress"],
        node=row["NodeID"],
        alive=bool(row["Alive"]),
        address=row.get("NodeManagerAddress", ""),
        cpus=float(resources.get("CPU", 0.0)),
        gpus=float(resources.get("GPU", 0.0)),
        accelerator=labels.get(_ACCELERATOR_LABEL) or named,
        memory=float(resources.get("memory", 0.0)),
        labels=dict(labels),
    )
