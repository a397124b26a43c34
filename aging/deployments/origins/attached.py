"""Processes that run already and are only sampled: found, followed, never signalled."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import psutil

from aging.core.endpoint import Endpoint
from aging.core.errors import AttachError, SeveralError
from aging.core.processes.child import MAIN
from aging.core.processes.ownership import Identity, identity
from aging.core.quantities import parse_duration
from aging.deployments.lifecycle import PriorServer
from aging.deployments.origins.container import container_pid, image_of
from aging.deployments.origins.observed_process import ROW_HEADS, ObservedProcess
from aging.deployments.origins.process_search import SHELLS, candidates, matching

_POLL_SECONDS = 1.0
_TICKS = os.sysconf("SC_CLK_TCK")
_CGROUPS = Path("/sys/fs/cgroup")
_SHOWN = 8

_STARTS = {"process": math.inf, "now": 0.0}

By = Literal["pid", "process", "container", "cgroup"]
LoadStart = str
"""``process`` (with the process), ``now``, or a duration before the start of sampling."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Identifies the processes: a pid, a pattern of command line or name, a container, or a control group."""

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

    def find(self, *, shells: bool = True) -> Sequence[psutil.Process]:
        """The root processes, the oldest first; a pattern means the script of a shell only with ``shells``.

        Raises AttachError with the candidates.
        """
        match self.by:
            case "pid":
                found = [_of_pid(int(self.value))]
            case "process":
                found = [_of_pattern(self.value, shells=shells)]
            case "container":
                found = [_of_pid(container_pid(self.value))]
            case "cgroup":
                return _of_cgroup(self.value)
        return found

    def observed(self) -> ObservedProcess:
        """The first of these processes with what is known of it. Raises AttachError."""
        pid = self.find()[0].pid
        try:
            return ObservedProcess.seen(pid, {one.pid: one.parent for one in candidates().values()})
        except ProcessLookupError:
            raise AttachError(f"process {pid} has ended") from None


@dataclass(slots=True)
class Attachment:
    """An origin (:class:`aging.deployments.lifecycle.Origin`): processes that the campaign did not start.

    What takes the place of a process that has ended is awaited for ``patience`` seconds; by pid nothing can.
    """

    whereabouts: Whereabouts
    endpoint: Endpoint | None
    metrics_url: str | None
    load_start: LoadStart
    patience: float = math.inf
    _last: Attached | None = field(default=None, init=False)

    @property
    def returns_within(self) -> float:
        return self.patience if self.whereabouts.returns else 0.0

    async def begin(self, campaign: Path, log: Path) -> Attached:  # noqa: ARG002 - its output is not redirected
        # A script that starts the server anew is not the server.
        shells = self._last is None or self._last.program in SHELLS
        self._last = await asyncio.to_thread(Attached, self.whereabouts, self.load_start, shells=shells)
        return self._last

    async def readopt(self, prior: PriorServer) -> Attached | None:
        try:
            found = await asyncio.to_thread(Attached, self.whereabouts, self.load_start)
        except AttachError:
            return None
        if found.main is None or found.main != prior.main:
            return None
        self._last = found
        return found

    def described(self) -> Mapping[str, Any]:
        attached: dict[str, Any] = {"attached": {self.whereabouts.by: self.whereabouts.value}}
        try:
            observed = self.whereabouts.observed()
            if self.whereabouts.by == "container":
                attached |= image_of(self.whereabouts.value)
        except AttachError:  # it has ended since the campaign was checked
            return attached
        return attached | {"observed": observed.as_json()}


class Attached:
    """A server that is not a child process: its end is detected, its exit status is unknown.

    Raises AttachError if it is not found.
    """

    def __init__(self, whereabouts: Whereabouts, load_start: LoadStart, *, shells: bool = True) -> None:
        self._whereabouts = whereabouts
        self._roots = tuple(whereabouts.find(shells=shells))
        self._replaced = False
        self.with_descendants = whereabouts.by != "cgroup"  # a control group lists all its processes
        self.command = command_line(self._roots[0])
        self.born = time.monotonic() - min(age(self._roots[0].pid), loaded_before(load_start))

    @property
    def main(self) -> Identity | None:
        """The identity of its first process; None after its end."""
        return identity(self._roots[0].pid)

    @property
    def program(self) -> str:
        """The name of the program's file."""
        return Path(self.command[0]).name if self.command else ""

    @property
    def owned(self) -> Mapping[str, Identity]:
        return {}

    @property
    def trees(self) -> Mapping[str, tuple[int, ...]]:
        pids = tuple(root.pid for root in self._running())
        return {MAIN: pids} if pids else {}

    async def wait(self) -> str:
        first = self._roots[0].pid
        while self._running():
            if self.with_descendants:
                await _end_of(self._roots[0])
            else:
                await asyncio.sleep(_POLL_SECONDS)
        if self._replaced:
            return f"all processes of the control group were replaced (the first was {first})"
        return f"the attached process {first} ended (its exit status is not known)"

    def serves(self) -> bool:
        """Always true: a proxy or a published port can be in between."""
        return True

    async def end(self) -> None:
        """No effect: the campaign did not start it."""

    def _running(self) -> Sequence[psutil.Process]:
        if not self.with_descendants and not self._replaced:  # membership changes
            try:
                found = tuple(self._whereabouts.find())
            except AttachError:
                return ()
            # Of a service that was restarted between two looks not one process is left.
            self._replaced = not set(found).intersection(self._roots)
            self._roots = self._roots if self._replaced else found
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


async def _end_of(process: psutil.Process) -> None:
    """Wait until a process that is not a child has ended, or some time where the kernel has no event for it."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    except OSError:  # Linux before 5.3 has no pidfd_open
        await asyncio.sleep(_POLL_SECONDS)
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    try:
        loop.add_reader(handle, ended.set)
        if _is_running(process):
            await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


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


def _of_pattern(pattern: str, *, shells: bool = True) -> psutil.Process:
    """The one process that the pattern means."""
    running = candidates()
    found = matching(pattern, running, os.getpid(), shells=shells)
    if not found:
        raise AttachError(
            f"no running process has a name or a command line that matches {pattern!r}; shells, observers and this "
            "command itself are left out. `ps -eo pid,args` shows all; --pid PID names one"
        )
    if len(found) > 1:
        parents = {pid: one.parent for pid, one in running.items()}
        raise SeveralError(_several(pattern, [one.pid for one in found], parents))
    return _of_pid(found[0].pid)


def _several(pattern: str, pids: Sequence[int], parents: Mapping[int, int]) -> str:
    seen = []
    for pid in pids[:_SHOWN]:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            seen.append(ObservedProcess.seen(pid, parents))
    rows = "".join(f"\n{one.row()}" for one in seen)
    more = f"\n  and {len(pids) - _SHOWN} more" if len(pids) > _SHOWN else ""
    example = f" --pid {seen[0].pid}" if seen else " a pid"
    return f"{len(pids)} processes match {pattern!r}; use{example}, or a longer pattern:\n{ROW_HEADS}{rows}{more}"


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
