"""How long it takes to collect whole campaigns from their hosts, over real Ray nodes, and where the time goes.

::

    python -m analysis.study.collection [--hosts 8] [--hours 216] [--nodes 2] [--inputs DIR]

Every host has the sealed files of the published campaign of 216 hours: the number and the sizes that
``python -m analysis.accelerated.study`` wrote at 1 Hz (0.58 GB), of random bytes, which compress no more than
Parquet's. All of them are collected at once, as by a study whose head was away; else it collects them hourly. Hosts
share raylets, and all raylets and the folder of results are on this machine: one disk and its CPUs do the work of all.
The files are not in memory as they are read. Prints the seconds of each step, the CPU of every kind of process, and the
rate at which this disk writes by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from aging.cluster.fleet import connect
from aging.study.collection import collect
from aging.study.fleet import AttemptKey, File
from aging.study.host.folder import HostFolder
from tests.cluster.raylets import AUTHENTICATION, LocalCluster, new_cluster
from tests.conftest import unused_port

_AT_A_TIME = 8
"""Collections of one head: as in :mod:`aging.study.driver`."""

_OF_SLOTS = (
    {"process": 142_000, "requests": 511_000, "engine": 98_000, "footprint": 6_800},
    {"process": 141_000, "requests": 438_000, "footprint": 6_800},
    {"process": 140_000, "requests": 38_000, "footprint": 6_700},
)
_OF_THE_HARNESS = {"process": 360_000, "host": 91_000, "device": 458_000}
"""Bytes of the file of a full hour, by source."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=8)
    parser.add_argument("--hours", type=int, default=216)
    parser.add_argument("--nodes", type=int, default=2, help="raylets on which the hosts' folders are")
    parser.add_argument("--inputs", type=Path, help="the hosts' files, made there if they are not; default: temporary")
    options = parser.parse_args()
    os.environ |= AUTHENTICATION
    cluster = new_cluster(unused_port())
    with tempfile.TemporaryDirectory(prefix="aging-collection-") as temporary:
        folder = Path(temporary)
        scratch = options.inputs or folder / "scratch"
        names = [f"h{number % options.nodes + 1}" for number in range(options.hosts)]
        keys = [AttemptKey("collection", f"cell-{number}", 1) for number in range(options.hosts)]
        for host, key in zip(names, keys, strict=True):
            _make(scratch, host, key, options.hours)
        try:
            cluster.start_head()
            for name in sorted(set(names)):
                cluster.start(name)
            asyncio.run(_measure(cluster, str(scratch), folder, list(zip(names, keys, strict=True))))
        finally:
            cluster.end()
        print(f"this disk alone writes {_disk_rate(folder) / 1e6:.0f} MB/s")
    return 0


def files_of(hours: int) -> Sequence[tuple[str, int]]:
    """Path and size of the sealed files of the published campaign: three slots, two deployments in turn on each."""
    made = []
    for hour in range(hours):
        turn, replica = hour // 36 % 2, hour // 72 + 1
        for slot, sources in enumerate(_OF_SLOTS):
            for source, size in sources.items():
                made.append((f"deployment-{2 * slot + turn}/r{replica:02d}/{source}/{hour:04d}.parquet", size))
        for source, size in _OF_THE_HARNESS.items():
            made.append((f"_harness/r{replica:02d}/{source}/{hour:04d}.parquet", size))
    return made


def _make(scratch: Path, host: str, key: AttemptKey, hours: int) -> None:
    """Write the sealed files of a campaign into its attempt's folder, those that are not there."""
    attempt = HostFolder.of(str(scratch), host).attempt(key)
    result = attempt.results / "six" / "20260101T000000Z"
    result.mkdir(parents=True, exist_ok=True)
    (result / "journal.jsonl").touch()
    attempt.digests.unlink(missing_ok=True)
    for name, size in files_of(hours):
        path = result / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(size))


async def _measure(cluster: LocalCluster, scratch: str, folder: Path, cells: Sequence[tuple[str, AttemptKey]]) -> None:
    fleet = await connect(cluster.address)
    try:
        nodes = {node.host: node for node in await fleet.nodes() if node.alive}

        async def look(host: str, key: AttemptKey) -> Sequence[File]:
            (seen,) = await fleet.look(nodes[host], [key], scratch)
            return seen.sealed

        async def one(host: str, key: AttemptKey, files: Sequence[File], slots: asyncio.Semaphore) -> None:
            async with slots:
                to = folder / "collected" / key.cell
                await collect(to, files, lambda wanted: fleet.read(nodes[host], key, scratch, wanted), whole=True)

        async def everything() -> float:
            slots, began = asyncio.Semaphore(_AT_A_TIME), time.monotonic()
            async with asyncio.TaskGroup() as group:
                for (host, key), files in zip(cells, found, strict=True):
                    group.create_task(one(host, key, files, slots))
            return time.monotonic() - began

        began = time.monotonic()
        found = await asyncio.gather(*(look(host, key) for host, key in cells))
        print(f"first look, at which hosts hash all of them: {time.monotonic() - began:.1f} s", flush=True)
        _forget(Path(scratch))
        usage = _Usage(cluster)
        watching = asyncio.create_task(usage.watch())
        took = await everything()
        watching.cancel()
        count, size = sum(map(len, found)), sum(one.size for each in found for one in each)
        print(f"{len(cells)} cells: {count:,} files, {size:,} bytes in {took:.1f} s, {size / took / 1e6:.0f} MB/s")
        for kind, seconds in usage.seconds().items():
            print(f"  CPU of {kind}: {seconds:.1f} s")
        print(f"once more, all of them here and verified: {await everything():.1f} s", flush=True)
    finally:
        await fleet.close()


class _Usage:
    """CPU seconds of this process and of the cluster's, those that end meanwhile included."""

    def __init__(self, cluster: LocalCluster) -> None:
        self._roots = {os.getpid(): "the head"} | {
            one.starter.pid: "Ray of the head" if host == "head" else "Ray of the hosts"
            for host, one in cluster.raylets.items()
        }
        self._seen: dict[int, tuple[str, float, float]] = {}

    async def watch(self) -> None:
        while True:
            await asyncio.to_thread(self.update)
            await asyncio.sleep(0.5)

    def update(self) -> None:
        for root, kind in self._roots.items():
            for process in (psutil.Process(root), *psutil.Process(root).children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess):
                    if kind == "the head" and process.pid != root and "aging.cluster.bridge" not in process.cmdline():
                        continue
                    name = process.name()
                    what = "workers on the hosts" if name.startswith("ray::Visit") else kind
                    what = "the head's connection to Ray" if kind == "the head" and process.pid != root else what
                    times = process.cpu_times()
                    now = float(times.user + times.system)
                    first = self._seen[process.pid][1] if process.pid in self._seen else now
                    self._seen[process.pid] = what, first, now

    def seconds(self) -> dict[str, float]:
        self.update()
        total: dict[str, float] = {}
        for kind, first, last in self._seen.values():
            total[kind] = total.get(kind, 0.0) + last - first
        return total


def _forget(folder: Path) -> None:
    """Have no content of these files in the memory of this machine."""
    os.sync()
    for path in folder.rglob("*.parquet"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _disk_rate(folder: Path) -> float:
    """Bytes a second of one file of 512 MiB, with its fsync."""
    content = os.urandom(8 << 20)
    began = time.monotonic()
    with (folder / "rate").open("wb") as file:
        for _ in range(64):
            file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return 64 * len(content) / (time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
