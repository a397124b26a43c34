"""How long it takes to collect whole campaigns from their hosts, over real Ray nodes.

::

    python -m analysis.study.collection [--hosts 8] [--hours 216] [--parallel 4]

Every host has the sealed files of one campaign: the Parquet files of one real hour (``results/six-deployments``) copied
once an hour. Prints files, bytes and seconds. All hosts, the object stores, and the folder of results are on this
machine, so one disk and two cores do the work of nine.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from aging.cluster.fleet import RayFleet, connect
from aging.study.collection import collect
from aging.study.fleet import AttemptKey, File, Node
from aging.study.host.folder import HostFolder
from tests.cluster.raylets import AUTHENTICATION, LocalCluster, new_cluster
from tests.conftest import unused_port

_HOUR = Path(__file__).parents[2] / "results" / "six-deployments"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=8)
    parser.add_argument("--hours", type=int, default=216)
    parser.add_argument("--parallel", type=int, default=4, help="hosts that are collected at a time")
    options = parser.parse_args()
    os.environ |= AUTHENTICATION
    cluster = new_cluster(unused_port())
    with tempfile.TemporaryDirectory(prefix="aging-collection-") as temporary:
        folder = Path(temporary)
        names = [f"h{number}" for number in range(1, options.hosts + 1)]
        files = {name: _campaign_of(folder / "scratch", name, options.hours) for name in names}
        try:
            cluster.start_head()
            for name in names:
                cluster.start(name)
            seconds = asyncio.run(_collect(cluster, folder, files, options.parallel))
        finally:
            cluster.end()
    count = sum(map(len, files.values()))
    size = sum(one.size for each in files.values() for one in each)
    print(f"{options.hosts} hosts x {options.hours} h: {count:,} files, {size:,} bytes, {seconds:.1f} s")
    return 0


def _key(host: str) -> AttemptKey:
    return AttemptKey("collection", f"cell-{host}", 1)


def _campaign_of(scratch: Path, host: str, hours: int) -> Sequence[File]:
    """Make the sealed files of a campaign in its attempt's folder on a host."""
    attempt = HostFolder.of(str(scratch), host).attempt(_key(host))
    result = attempt.results / "six" / "20260101T000000Z"
    result.mkdir(parents=True)
    (result / "journal.jsonl").touch()
    made = []
    sources = sorted({path.parent: path for path in _HOUR.rglob("*.parquet")}.values())
    for source in sources:
        content = source.read_bytes()
        target = result / source.parent.relative_to(_HOUR)
        target.mkdir(parents=True)
        for hour in range(hours):
            name = f"{hour:04d}.parquet"
            different = content + secrets.token_bytes(8)  # no two files are equal
            (target / name).write_bytes(different)
            path = (target / name).relative_to(result)
            made.append(File(str(path), len(different), hashlib.sha256(different).hexdigest()))
    return made


async def _collect(cluster: LocalCluster, folder: Path, files: dict[str, Sequence[File]], parallel: int) -> float:
    fleet = await connect(cluster.address)
    try:
        nodes = {node.host: node for node in await fleet.nodes() if node.alive}
        slots = asyncio.Semaphore(parallel)
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for host, each in files.items():
                group.create_task(_one(fleet, nodes[host], folder, each, slots))
        return time.monotonic() - began
    finally:
        await fleet.close()


async def _one(fleet: RayFleet, node: Node, folder: Path, files: Sequence[File], slots: asyncio.Semaphore) -> None:
    async with slots:
        await collect(
            folder / "collected" / node.host,
            files,
            lambda wanted: fleet.read(node, _key(node.host), str(folder / "scratch"), wanted),
            whole=True,
        )


if __name__ == "__main__":
    sys.exit(main())
