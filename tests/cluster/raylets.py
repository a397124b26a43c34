"""A Ray cluster of several nodes on this machine: every node is a process of its own that can be killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

RAY = (sys.executable, "-m", "ray.scripts.scripts")
AUTHENTICATION = {"RAY_AUTH_MODE": "disabled"}
"""For nodes and drivers: else a head asks for a token where the home folder has one, and the others send none."""

_START_SECONDS = 150.0
_STORE_BYTES = 80_000_000

_HEALTH = {"RAY_health_check_period_ms": "1000"}
"""A killed node is dead after 5 s, not 15: five checks are refused. A slow one has 10 s for each, as ever."""

_PATIENCE = {"RAY_raylet_start_wait_time_s": f"{_START_SECONDS - 5:.0f}"}
"""A node that joins takes 5 s, and over the 30 s of Ray's own limit where both cores are busy."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a node runs: its address, None for Ray's choice, and the command that runs a program there."""

    address: str | None = None
    enter: tuple[str, ...] = ()


_HERE = Site()


@dataclass(slots=True)
class Raylet:
    """A node: the `ray start --block` process and all that it started."""

    host: str
    starter: psutil.Popen
    raylet: psutil.Process
    others: list[psutil.Process]

    def kill(self) -> None:
        """End the node as a power cut would: the raylet first, with its workers and agents; not what left its tree."""
        tree: list[psutil.Process] = []
        for process in (self.raylet, self.starter):
            with contextlib.suppress(psutil.NoSuchProcess):
                tree += process.children(recursive=True)
        end([self.raylet, self.starter, *tree, *self.others])

    def workers(self) -> list[psutil.Process]:
        """The Ray workers that run on this node now."""
        found = []
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in self.raylet.children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    line = " ".join(process.cmdline())
                    agent = line.startswith(("ray::DashboardAgent", "ray::RuntimeEnvAgent"))
                    if "default_worker.py" in line or (line.startswith("ray::") and not agent):
                        found.append(process)
        return found


@dataclass(slots=True)
class LocalCluster:
    """A head (host ``head``, without CPUs) and nodes by name. ``sites`` are of hosts with an address of their own."""

    port: int
    folder: Path
    raylets: dict[str, Raylet] = field(default_factory=dict)
    sites: dict[str, Site] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"{self.sites.get('head', _HERE).address or '127.0.0.1'}:{self.port}"

    @property
    def hosts(self) -> list[str]:
        """The nodes that run, but the head."""
        return sorted(self.raylets.keys() - {"head"})

    def start_head(self, store: int = _STORE_BYTES, environment: Mapping[str, str] = _HEALTH) -> Raylet:
        options: tuple[str, ...] = ("--head", f"--port={self.port}", f"--temp-dir={self.folder}", "--num-cpus=0")
        options += ("--include-dashboard=false", "--disable-usage-stats")
        return self._start("head", options, store, environment)

    def start(self, host: str, *, cpus: int = 2, gpus: int = 0, environment: Mapping[str, str] | None = None) -> Raylet:
        options = (f"--address={self.address}", f"--num-cpus={cpus}", f"--num-gpus={gpus}")
        return self._start(host, options, _STORE_BYTES, environment or {})

    def kill(self, host: str) -> None:
        self.raylets.pop(host).kill()

    def until_ended(self, host: str, seconds: float) -> None:
        """Wait for a node to end by itself. Raises psutil.TimeoutExpired."""
        self.raylets[host].raylet.wait(seconds)
        self.kill(host)

    def end(self) -> None:
        for host in sorted(self.raylets, key=lambda name: name == "head"):
            self.raylets[host].kill()
        self.raylets.clear()
        end(processes_naming(str(self.folder)))
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, host: str, options: Sequence[str], store: int, environment: Mapping[str, str]) -> Raylet:
        """One after another: nodes that start together may choose one name for their sockets."""
        log = self.folder / f"{host}.log"
        common: tuple[str, ...] = (
            f"--labels=aging.host={host}",
            f"--object-store-memory={store}",
            "--min-worker-port=0",
        )
        site = self.sites.get(host, _HERE)
        common += () if site.address is None else (f"--node-ip-address={site.address}",)
        common += ("--max-worker-port=0", "--dashboard-agent-listen-port=0", "--memory=1000000000", "--block")
        clean = {name: text for name, text in os.environ.items() if not name.startswith("RAY_")}
        clean |= {"RAY_USAGE_STATS_ENABLED": "0", **AUTHENTICATION, **_PATIENCE, **environment}
        with log.open("wb") as out:
            starter = psutil.Popen(
                [*site.enter, *RAY, "start", *options, *common],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=clean,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while "Ray runtime started" not in log.read_text(errors="replace"):
            if starter.poll() is not None or time.monotonic() > deadline:
                end([starter, *starter.children(recursive=True)] if starter.is_running() else [])
                raise RuntimeError(f"the Ray node {host} did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.1)
        children = starter.children(recursive=True)
        raylet = next(child for child in children if child.name() == "raylet")
        log.unlink()
        node = self.raylets[host] = Raylet(host, starter, raylet, children)
        return node


def new_cluster(port: int) -> LocalCluster:
    """A cluster without nodes. Its folder is short: Ray has sockets in it, whose paths have at most 107 bytes."""
    return LocalCluster(port, Path(tempfile.mkdtemp(prefix="r", dir="/tmp")))


def processes_naming(text: str) -> list[psutil.Process]:
    """The processes that have ``text`` in their command lines or working folders."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.pid != os.getpid() and any(text in word for word in (*process.cmdline(), process.cwd())):
                found.append(process)
    return found


def end(processes: Sequence[psutil.Process]) -> None:
    """SIGKILL, and wait until they are gone."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(list(dict.fromkeys(processes)), timeout=20)
    for process in processes:
        if isinstance(process, psutil.Popen):
            process.wait(20)
