"""Processes that run already and are only watched: found, followed, never signalled."""

from __future__ import annotations

import asyncio
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
from aging.deployments.lifecycle import PriorServer
from aging.deployments.origins.container import container_pid

_POLL_SECONDS = 0.25
_TICKS = os.sysconf("SC_CLK_TCK")
_CGROUPS = Path("/sys/fs/cgroup")
_SHOWN = 8
_SHOWN_WIDTH = 100

By = Literal["pid", "process", "container", "cgroup"]
LoadStart = Literal["process", "now"]


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What is known of the processes: a pid, a pattern of their command line, a container, or a control group."""

    by: By
    value: str

    @classmethod
    def given(cls, *, pid: int | None, process: str | None, container: str | None, cgroup: str | None) -> Whereabouts:
        """The one of them that is not None."""
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
        """Whether a process that is started anew will be found again."""
        return self.by != "pid"

    def find(self) -> Sequence[psutil.Process]:
        """The roots of what is to be watched, the oldest first. Raises AttachError saying what there is instead."""
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
    """An origin (:class:`aging.deployments.lifecycle.Origin`): a life that somebody else began."""

    whereabouts: Whereabouts
    endpoint: Endpoint | None
    metrics_url: str | None
    load_start: LoadStart

    @property
    def returns(self) -> bool:
        return self.whereabouts.returns

    async def begin(self, campaign: Path, log: Path) -> Attached:  # noqa: ARG002 - its output goes where it went
        return await asyncio.to_thread(Attached, self.whereabouts, self.load_start)

    async def readopt(self, past: PriorServer) -> Attached | None:
        try:
            found = await asyncio.to_thread(Attached, self.whereabouts, self.load_start)
        except AttachError:
            return None
        return found if found.main is not None and found.main == past.main else None

    def described(self) -> Mapping[str, Any]:
        return {"attached": {self.whereabouts.by: self.whereabouts.value}}


class Attached:
    """A life that is not our child's: its end is seen, its exit status is not.

    Raises AttachError where there is none.
    """

    def __init__(self, whereabouts: Whereabouts, load_start: LoadStart) -> None:
        self._whereabouts = whereabouts
        self._roots = tuple(whereabouts.find())
        self.with_descendants = whereabouts.by != "cgroup"  # a control group says itself what belongs to it
        self.command = command_line(self._roots[0])
        self.born = time.monotonic() - (age(self._roots[0].pid) if load_start == "process" else 0.0)

    @property
    def main(self) -> Identity | None:
        """Its first process, as nobody else's pid can ever be taken for it; None once that has ended."""
        return identity(self._roots[0].pid)

    @property
    def owned(self) -> Mapping[str, Identity]:
        return {}

    @property
    def trees(self) -> Mapping[str, tuple[int, ...]]:
        pids = tuple(root.pid for root in self._living())
        return {MAIN: pids} if pids else {}

    async def wait(self) -> str:
        while self._living():  # noqa: ASYNC110 - nobody tells of the end of a process that is not a child
            await asyncio.sleep(_POLL_SECONDS)
        return f"the attached process {self._roots[0].pid} ended; its exit status is not known"

    def serves(self) -> bool:
        """Taken for granted: a proxy or a container's port may stand between."""
        return True

    async def end(self) -> None:
        """It was not ours to start, and is not ours to end."""

    def _living(self) -> Sequence[psutil.Process]:
        if not self.with_descendants:  # the members come and go
            try:
                self._roots = tuple(self._whereabouts.find())
            except AttachError:
                return ()
        return [root for root in self._roots if _lives(root)]


def age(pid: int) -> float:
    """Seconds since a process started, by the kernel's own clock. Raises AttachError when it has ended."""
    try:
        started = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        raise AttachError(f"process {pid} has ended") from None
    return max(time.clock_gettime(time.CLOCK_BOOTTIME) - started / _TICKS, 0.0)


def command_line(process: psutil.Process) -> tuple[str, ...]:
    """The command line, or the name where there is none to be seen."""
    try:
        return tuple(process.cmdline()) or (process.name(),)
    except psutil.Error:
        return ()


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _of_pid(pid: int) -> psutil.Process:
    try:
        process = psutil.Process(pid)
        kernels = _lives(process) and process.memory_info().vms == 0
    except psutil.NoSuchProcess:
        raise AttachError(f"there is no process {pid}") from None
    if not _lives(process):
        raise AttachError(f"process {pid} has ended and waits for its parent to notice")
    if kernels:
        raise AttachError(f"process {pid} is a thread of the kernel: it has no memory of its own")
    if pid in (os.getpid(), *(parent.pid for parent in psutil.Process().parents())):
        raise AttachError(f"process {pid} has started this command: it would be watched, too; give another")
    return process


def _of_pattern(pattern: str) -> psutil.Process:
    """The one process that matches and has no ancestor that does: workers belong to their server."""
    searched = re.compile(pattern)
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    parents: dict[int, int | None] = {}
    lines: dict[int, str] = {}
    for process in psutil.process_iter(["ppid", "cmdline", "status"]):
        parents[process.pid] = process.info["ppid"]
        if process.pid not in ours and process.info["status"] != psutil.STATUS_ZOMBIE:
            line = " ".join(process.info["cmdline"] or ())
            lines[process.pid] = "".join(letter if letter.isprintable() else " " for letter in line)
    matching = {pid for pid, line in lines.items() if line and searched.search(line)}
    roots = sorted(pid for pid in matching if not matching.intersection(_ancestors(pid, parents)))
    if not roots:
        raise AttachError(f"no running process has a command line that matches {pattern!r}")
    if len(roots) > 1:
        shown = "".join(f"\n  {pid:>8}  {lines[pid][:_SHOWN_WIDTH]}" for pid in roots[:_SHOWN])
        more = f"\n  and {len(roots) - _SHOWN} more" if len(roots) > _SHOWN else ""
        raise AttachError(f"{len(roots)} processes match {pattern!r}; give a longer pattern, or a pid:{shown}{more}")
    return _of_pid(roots[0])


def _ancestors(pid: int, parents: Mapping[int, int | None]) -> set[int]:
    found: set[int] = set()
    parent = parents.get(pid)
    while parent and parent not in found:
        found.add(parent)
        parent = parents.get(parent)
    return found


def _of_cgroup(path: str) -> Sequence[psutil.Process]:
    """Every process of a control group and of those below it, but for ourselves."""
    folder = _cgroup_folder(path)
    found = []
    for listed in sorted(folder.rglob("cgroup.procs")):
        for pid in _pids(listed):
            try:
                process = psutil.Process(pid)
            except psutil.NoSuchProcess:  # it ended meanwhile
                continue
            if pid != os.getpid() and _lives(process):
                found.append(process)
    if not found:
        raise AttachError(f"control group {folder} has no process")
    return sorted(found, key=lambda process: process.create_time())


def _cgroup_folder(path: str) -> Path:
    """Where a group is mounted, in version 2 or with a controller of version 1."""
    mounts = [_CGROUPS, *(_CGROUPS / name for name in ("unified", "memory", "systemd", "pids", "cpu"))]
    given = Path(path)
    candidates = [given] if path.startswith(f"{_CGROUPS}/") else [mount / path.lstrip("/") for mount in mounts]
    found = next((folder for folder in candidates if (folder / "cgroup.procs").is_file()), None)
    if found is None or ".." in given.parts:
        raise AttachError(
            f"there is no control group {path} below {_CGROUPS}; `cat /proc/PID/cgroup` tells a process's"
        )
    if found in mounts:
        raise AttachError(f"{path} is the root of all control groups, every process of this host; name one below it")
    return found


def _pids(listed: Path) -> list[int]:
    try:
        return [int(pid) for pid in listed.read_text().split()]
    except OSError:  # a group that was removed, or a threaded one, whose processes its parent lists
        return []
