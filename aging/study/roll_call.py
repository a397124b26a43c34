"""Which hosts of a cluster may run cells now: asked once, before a study that takes all of them is planned."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from aging.core.errors import AgingError
from aging.study.assignment import fits
from aging.study.fleet import Fleet, Node, said_of
from aging.study.schema import HostsTable


@dataclass(frozen=True, slots=True)
class RollCall:
    """The hosts that fit, also those that are busy now, and why each of the others does not, by name."""

    fitting: Sequence[str]
    refused: Mapping[str, str]


async def roll_call(fleet: Fleet, table: HostsTable) -> RollCall:
    """Ask every living host for its facts, but one that the cluster holds for another study: that one measures.

    Of a host that is held only what the cluster knows is compared. Raises HostLostError without a cluster.
    """
    nodes = {one.host: one for one in await fleet.nodes() if one.alive}
    held = {one.host for one in await fleet.reservations()}
    whys = await asyncio.gather(*(_why_not(fleet, one, table, held) for one in nodes.values()))
    found = dict(zip(nodes, whys, strict=True))
    return RollCall(
        sorted(host for host, why in found.items() if why is None),
        {host: why for host, why in sorted(found.items()) if why is not None},
    )


async def _why_not(fleet: Fleet, node: Node, table: HostsTable, held: Collection[str]) -> str | None:
    if (why := fits(node, None, table)) is not None or node.host in held:  # without asking it
        return why
    try:
        return fits(node, await fleet.facts(node, table.scratch), table)
    except AgingError as error:
        return said_of(node.host, error)
