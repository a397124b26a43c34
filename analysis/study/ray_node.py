"""What an idle Ray node costs the host that it is on: each of its processes, by the settings it was started with.

::

    python -m analysis.study.ray_node [--seconds 120] [--try RAY_name=value …]

Starts a head and a node for each of the settings, one after another; the nodes are measured at the same time, while
nothing is asked of them. CPU is a share of one core; memory is resident, proportional (pages that several processes map
are divided among them) and unshared, in MB. The settings called ``documented`` are those of
``docs/examples/cluster/measured-host.env``. Then, on the node with these: the CPU seconds of a look at a campaign of
216 hours, by the worker that starts for it, and of the node's processes meanwhile; and those of a node that joins.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from aging.cluster.fleet import connect
from analysis.study.overhead import KEY, long_campaign
from tests.cluster.raylets import AUTHENTICATION, LocalCluster, new_cluster
from tests.conftest import unused_port

_FILE = Path(__file__).parents[2] / "docs" / "examples" / "cluster" / "measured-host.env"
_SETTLING_SECONDS = 30.0
_LOOKS, _AFTER_SECONDS = 4, 4.0
_KINDS = {
    "raylet/raylet": "raylet",
    "dashboard/agent.py": "dashboard agent",
    "DashboardAgent": "dashboard agent",
    "runtime_env/agent": "runtime env agent",
    "RuntimeEnvAgent": "runtime env agent",
    "log_monitor": "log monitor",
    "scripts.scripts": "ray start --block",
}
_STAYING = ("raylet", "dashboard agent", "runtime env agent")
"""With ``--include-log-monitor=false`` and without ``--block``."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a process: share of a core; memory in MB."""

    core: float
    resident: float
    proportional: float
    unshared: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.core + other.core,
            self.resident + other.resident,
            self.proportional + other.proportional,
            self.unshared + other.unshared,
        )


def documented() -> dict[str, str]:
    """The settings of the file that hosts are started with, by name."""
    lines = (line.partition("#")[0].strip() for line in _FILE.read_text().splitlines())
    return dict(line.removeprefix("export ").split("=", 1) for line in lines if line)


def processes_of(cluster: LocalCluster, host: str) -> Iterator[tuple[str, psutil.Process]]:
    """The processes of a node, each with its kind."""
    node = cluster.raylets[host]
    everything = {one.pid: one for one in (node.starter, *node.starter.children(recursive=True), *node.others)}
    for process in everything.values():
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            line = " ".join(process.cmdline()[:12])
            yield next((kind for part, kind in _KINDS.items() if part in line), line[:40]), process


def costs(processes: Mapping[str, Sequence[tuple[str, psutil.Process]]], seconds: float) -> dict[str, dict[str, Cost]]:
    """The cost of every process, by host and kind."""
    before = {one.pid: _cpu(one) for each in processes.values() for _, one in each}
    began = time.monotonic()
    time.sleep(seconds)
    found: dict[str, dict[str, Cost]] = {}
    for host, each in processes.items():
        for kind, one in each:
            core = (_cpu(one) - before[one.pid]) / (time.monotonic() - began)
            memory = one.memory_full_info()
            cost = Cost(core, memory.rss / 1e6, memory.pss / 1e6, memory.uss / 1e6)
            known = found.setdefault(host, {})
            known[kind] = known[kind] + cost if kind in known else cost
    return found


async def of_looks(cluster: LocalCluster, scratch: str) -> tuple[float, float]:
    """CPU seconds of a look by a worker of its own: of the worker, and of the node's processes meanwhile; means."""
    of_workers, of_node = [], []
    everything = [one for _, one in processes_of(cluster, "a")]
    fleet = await connect(cluster.address)
    try:
        node = next(one for one in await fleet.nodes() if one.host == "a")
        for _ in range(_LOOKS + 1):
            before = sum(map(_cpu, everything))
            await fleet.look(node, [KEY], scratch)
            of_workers.append(sum(map(_cpu, cluster.raylets["a"].workers())))
            await asyncio.sleep(_AFTER_SECONDS)
            of_node.append(sum(map(_cpu, everything)) - before)
    finally:
        await fleet.close()
    return statistics.mean(of_workers[1:]), statistics.mean(of_node[1:])  # the first one hashes


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument(
        "--try", nargs="*", default=(), dest="tried", metavar="NAME=VALUE", help="and one node more each"
    )
    options = parser.parse_args()
    os.environ |= AUTHENTICATION
    settings: dict[str, Mapping[str, str]] = {"default": {}, "documented": documented()}
    for one in options.tried:
        name, _, text = one.partition("=")
        settings[one] = {**documented(), name: text}
    clusters = {name: new_cluster(unused_port()) for name in settings}
    try:
        for name, cluster in clusters.items():
            cluster.start_head(environment=settings[name])
            cluster.start("a", environment=settings[name])
        time.sleep(_SETTLING_SECONDS)
        joined = sum(_cpu(one) for kind, one in processes_of(clusters["documented"], "a") if kind != "log monitor")
        found = costs({name: list(processes_of(cluster, "a")) for name, cluster in clusters.items()}, options.seconds)
        with tempfile.TemporaryDirectory() as scratch:
            long_campaign(Path(scratch), "a")
            worker, node = asyncio.run(of_looks(clusters["documented"], scratch))
    finally:
        for cluster in clusters.values():
            cluster.end()
    print("| settings | process | % of a core | resident, MB | proportional, MB | unshared, MB |")
    print("|---|---|---|---|---|---|")
    for host, each in found.items():
        nothing = Cost(0.0, 0.0, 0.0, 0.0)
        rows = {**each, "raylet and agents": sum((each[kind] for kind in _STAYING), nothing)}
        for kind, one in rows.items():
            print(
                f"| {host} | {kind} | {100 * one.core:.3f} | {one.resident:.0f} | {one.proportional:.0f} "
                f"| {one.unshared:.0f} |"
            )
    print(f"a look at 216 hours: {worker:.2f} s of CPU of its worker, {node:.2f} s of the node in {_AFTER_SECONDS:g} s")
    print(f"a node that joins: {joined:.1f} s of CPU in its first {_SETTLING_SECONDS:g} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
