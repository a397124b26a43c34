"""Process trees from ``/proc``: the primary leak indicator and what explains it.

Memory comes from ``/proc/PID/status`` (about 20 µs a process; 60 µs with stat, fd and io), which takes no lock of the
target; ``smaps_rollup`` would (10 ms a resident GiB, under the target's mmap lock).
On other systems psutil gives less: resident memory, descriptors, threads and CPU.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil

from aging.core.processes import procfs
from aging.core.processes.tree import Membership, Processes
from aging.core.records import HARNESS, TREE, Reading
from aging.core.targets import Target, Targets
from aging.sampling import psutil_fallback
from aging.sampling.base import Sampler, ended_message
from aging.sampling.process_rows import ProcessRows

_TICKS = os.sysconf("SC_CLK_TCK")
_KIB = 1024

_STATUS = {
    "RssAnon": "process_anon_bytes",
    "VmSwap": "process_swap_bytes",
    "VmRSS": "process_rss_bytes",
    "VmSize": "process_vms_bytes",
    "RssFile": "process_file_bytes",
    "RssShmem": "process_shmem_bytes",
}
_COUNTS = {
    "Threads": "process_threads",
    "voluntary_ctxt_switches": "process_voluntary_switches_total",
    "nonvoluntary_ctxt_switches": "process_involuntary_switches_total",
}
_UPTIME = "process_uptime_seconds"
_IO = {"read_bytes": "process_read_bytes_total", "write_bytes": "process_write_bytes_total"}


class ReadProcess(Protocol):
    """How one process is read: :func:`read_process`, or what stands in for it elsewhere than on Linux."""

    def __call__(self, pid: int, missing: dict[str, str], *, with_reaped: bool) -> dict[str, float]: ...


class ProcessSampler(Sampler):
    """Sums over each target's process tree, all of it found with one pass over ``/proc``; now and then each process."""

    kind = "process"
    default_interval = 1.0

    @classmethod
    def unavailable(cls) -> str | None:
        return "there is no /proc here" if psutil.LINUX and not _proc_is_here() else None

    @classmethod
    def reduced(cls) -> str | None:
        return None if _proc_is_here() else psutil_fallback.REDUCED

    def __init__(self, targets: Targets, results: Path = Path()) -> None:
        super().__init__(targets, results)
        here = _proc_is_here()
        self._membership = Membership(Processes.seen if here else psutil_fallback.processes)
        self._read_process: ReadProcess = read_process if here else psutil_fallback.read_process
        self._rows = ProcessRows() if here else None

    def read(self) -> Iterable[Reading]:
        targets = self.targets()
        whole_and_parts = [part for target in targets for part in (target, *target.parts())]
        members = self._membership.of(whole_and_parts)
        trees = [
            _Tree(target, read_each(target, pids, self._read_process), pids)
            for target, pids in zip(whole_and_parts, members, strict=True)
        ]
        return [*(summed(tree.target, tree.each) for tree in trees), *self._of_processes(targets, trees)]

    def _of_processes(self, targets: Sequence[Target], trees: Sequence[_Tree]) -> Iterator[Reading]:
        if self._rows is None:
            return
        self._rows.forget(targets)
        parts: dict[tuple[str, int], dict[int, str]] = {}
        for tree in trees:
            component = tree.target.entity.removeprefix(f"{TREE}/")
            if component != tree.target.entity:
                named = parts.setdefault((tree.target.owner, tree.target.generation), {})
                named.update(dict.fromkeys(tree.pids, component))
        for tree in trees:
            target = tree.target
            if target.entity == TREE and target.owner != HARNESS and tree.each.hidden is None:
                yield from self._rows.of(target, tree.each.values, parts.get((target.owner, target.generation), {}))


def read_process(pid: int, missing: dict[str, str], *, with_reaped: bool) -> dict[str, float]:
    """One process's indicators; values that may not be read go to ``missing`` with the reason.

    ``with_reaped`` adds the CPU seconds and page faults of children that ended and were waited for, so that
    a tree's total does not fall, which reads as a reset, when a worker ends. (The kernel's
    I/O counts have them anyway.) A zombie has its counters only. Context switches are
    those of the main thread: the kernel gives no more at this cost.
    """
    values: dict[str, float] = {}
    for key, text in _fields(procfs.read(pid, "status")):
        if name := _STATUS.get(key):
            values[name] = int(text.split()[0]) * _KIB
        elif name := _COUNTS.get(key):
            values[name] = int(text)
    if "process_anon_bytes" in values:
        values["process_anon_swap_bytes"] = values["process_anon_bytes"] + values.get("process_swap_bytes", 0.0)
        values["process_shared_bytes"] = values["process_file_bytes"] + values["process_shmem_bytes"]
        try:
            values["process_fds"] = len(os.listdir(procfs.name(pid, "fd")))
        except PermissionError:
            missing["process_fds"] = "permission denied"
    else:  # a zombie has no thread
        values.pop("process_threads", None)
    stat = procfs.read(pid, "stat").rpartition(")")[2].split()
    own, reaped = (7, 9, 11, 12), (8, 10, 13, 14)  # faults minor and major, ticks of user and system time
    minor, major, *ticks = (int(stat[at]) for at in own)
    if with_reaped:
        more_minor, more_major, *more_ticks = (int(stat[at]) for at in reaped)
        minor, major, ticks = minor + more_minor, major + more_major, ticks + more_ticks
    values["process_cpu_seconds_total"] = sum(ticks) / _TICKS
    values["process_minor_faults_total"], values["process_major_faults_total"] = minor, major
    values[_UPTIME] = time.clock_gettime(time.CLOCK_BOOTTIME) - int(stat[19]) / _TICKS
    try:
        values.update({_IO[key]: int(text) for key, text in _fields(procfs.read(pid, "io")) if key in _IO})
    except PermissionError:
        missing.update(dict.fromkeys(_IO.values(), "permission denied"))
    return values


@dataclass(frozen=True, slots=True)
class Each:
    """What was read of each process, by pid; the reasons of what is missing; the pid that may not be seen, if any."""

    values: Mapping[int, Mapping[str, float]]
    missing: Mapping[str, str]
    hidden: int | None = None


@dataclass(frozen=True, slots=True)
class _Tree:
    target: Target
    each: Each
    pids: Sequence[int]


def read_each(target: Target, pids: Sequence[int], read: ReadProcess = read_process) -> Each:
    """Read every process of ``pids``, the target's; those that have ended are left out."""
    values: dict[int, dict[str, float]] = {}
    missing: dict[str, str] = {}
    for pid in pids:
        try:
            values[pid] = read(pid, missing, with_reaped=target.owner != HARNESS)
        except (FileNotFoundError, ProcessLookupError):  # it ended between two reads
            continue
        except PermissionError:  # /proc mounted with hidepid
            return Each({}, {}, hidden=pid)
    return Each(values, missing)


def read_tree(target: Target, pids: Sequence[int], read: ReadProcess = read_process) -> Reading:
    """Read ``pids``, the target's, and sum over them."""
    return summed(target, read_each(target, pids, read))


def summed(target: Target, each: Each) -> Reading:
    """The sum over the processes of a target; its uptime is that of its first root."""
    owner, entity, generation = target.owner, target.entity, target.generation
    if each.hidden is not None:
        return Reading(owner, entity, generation, {}, {"process": f"pid {each.hidden}: permission denied"})
    totals: dict[str, float] = {}
    seen = [pid for pid, values in each.values.items() if "process_rss_bytes" in values]  # a zombie has none
    if not seen:
        return Reading(owner, entity, generation, {}, {"process": ended_message(target)})
    for pid, values in each.values.items():
        for name, value in values.items():
            if name != _UPTIME or pid == target.pids[0]:
                totals[name] = totals.get(name, 0.0) + value
    totals["process_count"] = len(seen)
    for name in each.missing:
        totals.pop(name, None)  # a sum that lacks a term is a wrong number
    return Reading(owner, entity, generation, totals, each.missing, seen)


def _proc_is_here() -> bool:
    return Path("/proc/self/status").exists()


def _fields(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        key, _, value = line.partition(":")
        yield key, value.strip()
