"""A fleet that is connected to a cluster of raylets, its living nodes, and an order of a small campaign."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aging.cluster.fleet import RayFleet, connect
from aging.study.fleet import AttemptKey, Node, Order
from tests.cluster.raylets import LocalCluster
from tests.conftest import unused_port, write_campaign

KEY = AttemptKey("study-1", "cell-1", 1)


@asynccontextmanager
async def connected(cluster: LocalCluster) -> AsyncIterator[RayFleet]:
    fleet = await connect(cluster.address)
    try:
        yield fleet
    finally:
        await fleet.close()


async def node_of(fleet: RayFleet, host: str) -> Node:
    """A host's living node; a new one is known within seconds."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = next((one for one in await fleet.nodes() if one.host == host), None)
        if found is not None and found.alive:
            return found
        await asyncio.sleep(0.2)
    raise AssertionError(f"no living node of {host}")


def order_of(folder: Path, scratch: str, duration: str = "60s") -> Order:
    """A campaign of two reference servers."""
    campaign = write_campaign(folder, unused_port(), unused_port(), duration=duration, warmup="1s")
    return Order(KEY, campaign.read_text(), scratch, {})
