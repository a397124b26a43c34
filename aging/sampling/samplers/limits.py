"""What the kernel allows a deployment's processes, and how much of it is left: files, memory, address space, threads.

The limits are those of the target: of each of its processes (``/proc/PID/limits``), of its control group and those
above it, of its user and of the host; the limits of this process are others. They are read anew at each tick, since
`prlimit`, `docker update` and `systemctl set-property` change them while a server runs.

A limit comes with the room that is left to it: beside the target others may use the same group, user or host, and of
several processes the one with the least room meets its limit first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from aging.core.processes import procfs
from aging.core.processes.tree import Membership
from aging.core.records import HARNESS, Reading
from aging.core.targets import Target, Targets
from aging.sampling.base import Sampler, ended_message
from aging.sampling.control_groups import V1_UNLIMITED, Group, Mount, group_of, read_mounts, upwards
from aging.sampling.kernel_files import Answer, Question, answered, keyed, number

_PROC = Path("/proc")
_KIB = 1024
_ROOT_USER = 0

_LIMIT = re.compile(r"^Max (open files|address space|processes) +(\d+|unlimited) ", re.MULTILINE)
_SIZE = re.compile(r"^VmSize:\s+(\d+) kB$", re.MULTILINE)

_NO_LIMIT = "no limit is set"
_V2_HELD = ("anon", "shmem", "slab_unreclaimable", "kernel_stack", "pagetables")
_V1_HELD = ("total_rss", "total_shmem")


@dataclass(frozen=True, slots=True)
class _Bound:
    """A limit, the room that is left to it, and how many levels above the target's own group it is."""

    limit: float
    room: float
    levels: int = 0


@dataclass(frozen=True, slots=True)
class _Subject:
    """A target's processes that were read: limits and use of each, by pid; and the control groups of the first."""

    main: int
    limits: Mapping[int, Mapping[str, float]]
    files: Mapping[int, float]
    sizes: Mapping[int, float]
    mounts: Sequence[Mount]


def _least_room(limits: Mapping[int, Mapping[str, float]], name: str, used: Mapping[int, float]) -> Iterator[Answer]:
    """The limit and the room of the process that has the least."""
    bounds = [(of[name] - used[pid], of[name]) for pid, of in limits.items() if name in of and pid in used]
    if not bounds:
        yield from (_NO_LIMIT, _NO_LIMIT)
        return
    room, limit = min(bounds)
    yield from (limit, max(room, 0.0))


def _host_files(_: _Subject) -> Iterable[Answer]:
    allocated, _unused, limit = (_PROC / "sys/fs/file-nr").read_bytes().split()
    return float(limit), max(float(limit) - float(allocated), 0.0)


def _host_memory(_: _Subject) -> Iterable[Answer]:
    memory = psutil.virtual_memory()
    return float(memory.total), float(memory.available)


def _host_threads(_: _Subject) -> Iterable[Answer]:
    limit = min(number(_PROC / "sys/kernel" / name) for name in ("threads-max", "pid_max"))
    running = float((_PROC / "loadavg").read_text().split()[3].partition("/")[2])
    return limit, max(limit - running, 0.0)


def _user_threads(subject: _Subject) -> Iterable[Answer]:
    """RLIMIT_NPROC, which counts the threads of a user; root is exempt."""
    limit = subject.limits.get(subject.main, {}).get("processes")
    user = (_PROC / str(subject.main)).stat().st_uid
    if limit is None or user == _ROOT_USER:
        return _NO_LIMIT, _NO_LIMIT
    return limit, max(limit - _threads_of(user), 0.0)


def _threads_of(user: int) -> float:
    """The threads of a user: entries of each of its processes' ``task``, from the count of links of that folder."""
    threads = 0
    for entry in os.listdir(_PROC):
        if entry.isdigit():
            try:
                folder = os.stat(f"{_PROC}/{entry}/task")
            except OSError:  # it has ended
                continue
            threads += folder.st_nlink - 2 if folder.st_uid == user else 0
    return float(threads)


def _group_memory(subject: _Subject) -> Iterable[Answer]:
    """Of the group and those above it the one with the least room."""
    group = group_of(subject.main, "memory", subject.mounts)
    bounds = list(_memory_bounds(group)) if isinstance(group, Group) else []
    if not bounds:
        return (_NO_LIMIT if group is None or isinstance(group, Group) else group,) * 3
    least = min(bounds, key=lambda one: one.room)
    return least.limit, least.room, float(least.levels)


def _memory_bounds(group: Group) -> Iterator[_Bound]:
    names = ("memory.max", "memory.high") if group.version == 2 else ("memory.limit_in_bytes",)
    for levels, folder in enumerate(upwards(group)):
        limits = [limit for name in names if (limit := _limit(folder / name)) is not None]
        if limits:
            yield _Bound(min(limits), max(min(limits) - _held(folder, group.version), 0.0), levels)


def _held(folder: Path, version: int) -> float:
    """What the kernel cannot take back from a group without swapping: neither file cache nor slabs of it."""
    held = keyed(folder / "memory.stat", *(_V2_HELD if version == 2 else _V1_HELD))
    return sum(one for one in held if not isinstance(one, str))


def _limit(file: Path) -> float | None:
    try:
        text = file.read_text().strip()
    except FileNotFoundError:  # in the root of all
        return None
    limit = float("inf") if text == "max" else float(text)
    return limit if limit < V1_UNLIMITED else None


def _group_threads(subject: _Subject) -> Iterable[Answer]:
    group = group_of(subject.main, "pids", subject.mounts)
    bounds = list(_thread_bounds(group)) if isinstance(group, Group) else []
    if not bounds:
        return (_NO_LIMIT if group is None or isinstance(group, Group) else group,) * 2
    least = min(bounds, key=lambda one: one.room)
    return least.limit, least.room


def _thread_bounds(group: Group) -> Iterator[_Bound]:
    for levels, folder in enumerate(upwards(group)):
        limit = _limit(folder / "pids.max")
        if limit is not None:
            yield _Bound(limit, max(limit - number(folder / "pids.current"), 0.0), levels)


_QUESTIONS: tuple[Question[_Subject], ...] = (
    Question(
        ("limit_open_files", "limit_open_files_room"),
        lambda subject: _least_room(subject.limits, "open files", subject.files),
    ),
    Question(("limit_host_open_files", "limit_host_open_files_room"), _host_files),
    Question(
        ("limit_address_space_bytes", "limit_address_space_room_bytes"),
        lambda subject: _least_room(subject.limits, "address space", subject.sizes),
    ),
    Question(
        ("limit_cgroup_memory_bytes", "limit_cgroup_memory_room_bytes", "limit_cgroup_memory_levels"), _group_memory
    ),
    Question(("limit_host_memory_bytes", "limit_host_memory_room_bytes"), _host_memory),
    Question(("limit_cgroup_threads", "limit_cgroup_threads_room"), _group_threads),
    Question(("limit_user_threads", "limit_user_threads_room"), _user_threads),
    Question(("limit_host_threads", "limit_host_threads_room"), _host_threads),
)


class LimitsSampler(Sampler):
    """One reading a deployment, of its process tree."""

    kind = "limits"
    default_interval = 10.0

    def __init__(self, targets: Targets, results: Path = Path()) -> None:
        super().__init__(targets, results)
        self._membership = Membership()
        self._mounts: Sequence[Mount] | None = None

    @classmethod
    def unavailable(cls) -> str | None:
        return None if (_PROC / "self/limits").exists() else "there is no /proc/PID/limits here"

    def read(self) -> Iterable[Reading]:
        if self._mounts is None:
            self._mounts = read_mounts()
        targets = [target for target in self.targets() if target.owner != HARNESS]
        for target, pids in zip(targets, self._membership.of(targets), strict=True):
            yield _reading(target, pids, self._mounts)


def _reading(target: Target, pids: Sequence[int], mounts: Sequence[Mount]) -> Reading:
    limits: dict[int, Mapping[str, float]] = {}
    files: dict[int, float] = {}
    sizes: dict[int, float] = {}
    for pid in pids:
        try:
            limits[pid] = _limits(pid)
            if "address space" in limits[pid] and (size := _SIZE.search(procfs.read(pid, "status"))):
                sizes[pid] = float(size[1]) * _KIB
            files[pid] = float(len(os.listdir(procfs.name(pid, "fd"))))
        except OSError:  # it has ended, or belongs to another user: then its files are not counted
            continue
    if not limits:
        return Reading(target.owner, target.entity, target.generation, {}, {"limits": ended_message(target)})
    values, missing = answered(_QUESTIONS, _Subject(target.pids[0], limits, files, sizes, mounts))
    missing = {name: why for name, why in missing.items() if why != _NO_LIMIT}
    return Reading(target.owner, target.entity, target.generation, values, missing)


def _limits(pid: int) -> Mapping[str, float]:
    """The soft limits of a process that are set."""
    found = _LIMIT.findall(procfs.read(pid, "limits"))
    return {name: float(number) for name, number in found if number != "unlimited"}
