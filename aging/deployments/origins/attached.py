"""Processes that run already and are only sampled: found, followed, never signalled."""

from __future__ import annotations

import asyncio
import math
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from aging.core.endpoint import Endpoint
from aging.core.errors import AttachError
from aging.core.processes.child import MAIN
from aging.core.processes.ownership import Identity, identity
from aging.core.quantities import parse_duration
from aging.deployments.lifecycle import PriorServer
from aging.deployments.origins.container import container_pid

_POLL_SECONDS = 0.25
_TICKS = os.sysconf("SC_CLK_TCK")
_CGROUPS = Path("/sys/fs/cgroup")
_SHOWN = 8
_SHOWN_WIDTH = 100

_STARTS = {"process": math.inf, "now": 0.0}

By = Literal["pid", "process", "container", "cgroup"]
LoadStart = str
"""``process`` (with the process), ``now``, or a duration before the start of sampling."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Identifies the processes: a pid, a pattern of their command line, a container, or a control group."""

    by: By
    value: str

    @classmethod
    def given(cls, *, pid: int | None, process: str | None, container: str | None, cgroup: str | None) -> Whereabouts:
        """From the argument that is not None."""
        if pid is not None:
            return cls("pid", str(pid))
        if process is not None:
            return cls("process", process)
        if container is not None:
            return cls("container", container)
        return cls("cgroup", cgroup or "")

    def __str__(self) -> str:
        return f"{self.by} {self.value}"

    @property
    def returns(self) -> bool:
        """Whether the next process after a restart will be found."""
        return self.by != "pid"

    def find(self) -> Sequence[psutil.Process]:
        """The root processes, the oldest first. Raises AttachError with the candidates."""
        match self.by:
            case "pid":
                found = [_of_pid(int(self.value))]
            case "process":
                found = [_of_pattern(self.value)]
            case "container":
                found = [_of_pid(container_pid(self.value))]
            case "cgroup":
                return _of_cgroup(self.value)
        return found


@dataclass(frozen=True, slots=True)
class Attachment:
    """An origin (:class:`aging.deployments.lifecycle.Origin`): processes that the campaign did not start."""

    whereabouts: Whereabouts
    endpoint: Endpoint | None
    metrics_url: str | None
    load_start: LoadStart

    @property
    def returns(self) -> bool:
        return self.whereabouts.returns

    async def begin(self, campaign: Path, log: Path) -> Attached:  # noqa: ARG002 - its output is not redirected
        return await asyncio.to_thread(Attached, self.whereabouts, self.load_start)

    async def readopt(self, prior: PriorServer) -> Attached | None:
        try:
            found = await asyncio.to_thread(Attached, self.whereabouts, self.load_start)
        except AttachError:
            return None
        return found if found.main is not None and found.main == prior.main else None

    def described(self) -> Mapping[str, Any]:
        return {"attached": {self.whereabouts.by: self.whereabouts.value}}


class Attached:
    """A server that is not a child process: its end is detected, its exit status is unknown.

    Raises AttachError if it is not found.
    """

    def __init__(self, whereabouts: Whereabouts, load_start: LoadStart) -> None:
        self._whereabouts = whereabouts
        self._roots = tuple(whereabouts.find())
        self.with_descendants = whereabouts.by != "cgroup"  # a control group lists all its processes
        self.command = command_line(self._roots[0])
        self.born = time.monotonic() - min(age(self._roots[0].pid), loaded_before(load_start))

    @property
    def main(self) -> Identity | None:
        """The identity of its first process; None after its end."""
        return identity(self._roots[0].pid)

    @property
    def owned(self) -> Mapping[str, Identity]:
        return {}

    @property
    def trees(self) -> Mapping[str, tuple[int, ...]]:
        pids = tuple(root.pid for root in self._running())
        return {MAIN: pids} if pids else {}

    async def wait(self) -> str:
        while self._running():  # noqa: ASYNC110 - the end of a process that is not a child has no event
            await asyncio.sleep(_POLL_SECONDS)
        return f"the attached process {self._roots[0].pid} exited (status unknown: the campaign did not start it)"

    def serves(self) -> bool:
        """Always true: a proxy or a published port can be in between."""
        return True

    async def end(self) -> None:
        """No effect: the campaign did not start it."""

    def _running(self) -> Sequence[psutil.Process]:
        if not self.with_descendants:  # membership changes
            try:
                self._roots = tuple(self._whereabouts.find())
            except AttachError:
                return ()
        return [root for root in self._roots if _is_running(root)]


def loaded_before(load_start: LoadStart) -> float:
    """Seconds for which there may have been load before the sampling; infinite: as long as the process has run.

    Raises ValueError for what is neither ``process``, ``now`` nor a duration.
    """
    if load_start in _STARTS:
        return _STARTS[load_start]
    try:
        return parse_duration(load_start)
    except ValueError:
        raise ValueError(
            f'{load_start!r} is no start of load; write "process", "now", or how long before now it was, like "3h"'
        ) from None


def age(pid: int) -> float:
    """Seconds since the start of a process, by the kernel's clock. Raises AttachError if it has ended."""
    try:
        started = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        raise AttachError(f"process {pid} has ended") from None
    return max(time.clock_gettime(time.CLOCK_BOOTTIME) - started / _TICKS, 0.0)


def command_line(process: psutil.Process) -> tuple[str, ...]:
    """The command line, or the name if the command line is empty."""
    try:
        return tuple(process.cmdline()) or (process.name(),)
    except psutil.Error:
        return ()


def _is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _of_pid(pid: int) -> psutil.Process:
    try:
        process = psutil.Process(pid)
        kernels = _is_running(process) and process.memory_info().vms == 0
    except psutil.NoSuchProcess:
        raise AttachError(f"there is no process {pid}") from None
    if not _is_running(process):
        raise AttachError(f"process {pid} has ended and is a zombie")
    if kernels:
        raise AttachError(f"process {pid} is a kernel thread and has no memory")
    if pid in (os.getpid(), *(parent.pid for parent in psutil.Process().parents())):
        raise AttachError(
            f"process {pid} is an ancestor of this command, which would be sampled too; choose another process"
        )
    return process


def _of_pattern(pattern: str) -> psutil.Process:
    """The one process that matches without a matching ancestor, since workers belong to their server."""
    searched = re.compile(pattern)
    own_pids = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    parents: dict[int, int | None] = {}
    lines: dict[int, str] = {}
    for process in psutil.process_iter(["ppid", "cmdline", "status"]):
        parents[process.pid] = process.info["ppid"]
        if process.pid not in own_pids and process.info["status"] != psutil.STATUS_ZOMBIE:
            line = " ".join(process.info["cmdline"] or ())
            lines[process.pid] = "".join(letter if letter.isprintable() else " " for letter in line)
    matching = {pid for pid, line in lines.items() if line and searched.search(line)}
    roots = sorted(pid for pid in matching if not matching.intersection(_ancestors(pid, parents)))
    if not roots:
        raise AttachError(f"no running process has a command line that matches {pattern!r}")
    if len(roots) > 1:
        shown = "".join(f"\n  {pid:>8}  {lines[pid][:_SHOWN_WIDTH]}" for pid in roots[:_SHOWN])
        more = f"\n  and {len(roots) - _SHOWN} more" if len(roots) > _SHOWN else ""
        raise AttachError(f"{len(roots)} processes match {pattern!r}; use a longer pattern or a pid:{shown}{more}")
    return _of_pid(roots[0])


def _ancestors(pid: int, parents: Mapping[int, int | None]) -> set[int]:
    found: set[int] = set()
    parent = parents.get(pid)
    while parent and parent not in found:
        found.add(parent)
        parent = parents.get(parent)
    return found


def _of_cgroup(path: str) -> Sequence[psutil.Process]:
    """Every process of a control group and its descendants, except the calling process."""
    folder = _cgroup_folder(path)
    found = []
    for listed in sorted(folder.rglob("cgroup.procs")):
        for pid in _pids(listed):
            try:
                process = psutil.Process(pid)
            except psutil.NoSuchProcess:  # it has ended since
                continue
            if pid != os.getpid() and _is_running(process):
                found.append(process)
    if not found:
        raise AttachError(f"control group {folder} has no process")
    return sorted(found, key=lambda process: process.create_time())


def _cgroup_folder(path: str) -> Path:
    """The folder of a control group, of version 2 or of a version-1 controller."""
    mounts = [_CGROUPS, *(_CGROUPS / name for name in ("unified", "memory", "systemd", "pids", "cpu"))]
    given = Path(path)
    candidates = [given] if path.startswith(f"{_CGROUPS}/") else [mount / path.lstrip("/") for mount in mounts]
    found = next((folder for folder in candidates if (folder / "cgroup.procs").is_file()), None)
    if found is None or ".." in given.parts:
        raise AttachError(
            f"there is no control group {path} below {_CGROUPS}; `cat /proc/PID/cgroup` shows that of a process"
        )
    if found in mounts:
        raise AttachError(f"{path} is the root of all control groups, every process of this host; name one below it")
    return found


def _pids(listed: Path) -> list[int]:
    try:
        return [int(pid) for pid in listed.read_text().split()]
    except OSError:  # a removed group, or a threaded one, whose parent lists its processes
        return []
