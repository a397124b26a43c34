"""Values too costly to read every second: proportional and unique memory, memory by kind, kinds of open files.

``smaps_rollup`` walks every page table of the target under its mmap lock: 2 to 10 ms a resident GiB,
in which the target's own ``mmap`` waits. Once a minute that is nothing; once a second it would be tail
latency that the instrument has made. PSS shares a shared page among those who map it, so the sum over
a tree counts it once; USS is the memory that would be freed if the tree ended, less what its members share among
themselves. Memory by kind takes a full ``smaps``, which is read no more often than its measured cost allows.
"""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from aging.core.processes import procfs
from aging.core.processes.tree import Membership
from aging.core.records import HARNESS, TREE, Reading, process_entity
from aging.core.targets import Target, Targets
from aging.sampling.base import Sampler, ended_message
from aging.sampling.mappings import KINDS, memory_by_kind
from aging.sampling.process_rows import largest

_KIB = 1024
_KINDS = {"socket:": "socket", "pipe:": "pipe", "anon_inode:": "anonymous", "/": "file"}
"""What a link in ``/proc/PID/fd`` begins with; ``anonymous`` are event, timer, signal and poll handles."""


_SHARE_OF_TIME = 0.002
"""Of a CPU, for memory by kind of mapping: after a reading the next one waits until it takes no more."""

_MOST_SECONDS = 1.0
"""A reading of memory by kind that would take longer is not made at all."""

_TIMES_ROLLUP = 4.0
"""How much longer ``smaps`` takes than ``smaps_rollup``, at the most that was seen, of 8,000 mappings."""

_MEMORY = ("process_pss_bytes", "process_uss_bytes")
_OWN = (*KINDS, *(f"process_{kind}_fds" for kind in (*_KINDS.values(), "other")))
"""Metrics of the row of a single process."""


@dataclass(slots=True)
class _Watched:
    """A tree: when its memory by kind was last read, how long that took, and memory when a process was first read."""

    last: float = -math.inf
    seconds: float | None = None
    first: dict[int, float] = field(default_factory=dict)

    def refusal(self, now: float, rollup: float) -> str | None:
        """Why memory by kind is not read now, after a ``smaps_rollup`` of these seconds; None if it is."""
        expected = _TIMES_ROLLUP * rollup if self.seconds is None else max(self.seconds, rollup)
        if expected > _MOST_SECONDS:
            return f"reading smaps would take about {expected:.1f} s of CPU; the most is {_MOST_SECONDS:g} s"
        pause = expected / _SHARE_OF_TIME
        return (
            f"read every {pause:.0f} s, for reading smaps takes {expected:.2g} s of CPU"
            if now < self.last + pause
            else None
        )


class FootprintSampler(Sampler):
    """Sums over each deployment's process tree, and rows of its processes."""

    kind = "footprint"
    default_interval = 60.0

    def __init__(self, targets: Targets, results: Path = Path()) -> None:
        super().__init__(targets, results)
        self._membership = Membership()
        self._trees: dict[tuple[str, int], _Watched] = {}

    @classmethod
    def unavailable(cls) -> str | None:
        if not Path("/proc/self/smaps_rollup").exists():
            return "the kernel has no /proc/PID/smaps_rollup (Linux 4.14)"
        return None

    def read(self) -> Iterable[Reading]:
        targets = [target for target in self.targets() if target.owner != HARNESS]
        before = self._trees
        self._trees = {key: before.get(key, _Watched()) for key in ((one.owner, one.generation) for one in targets)}
        return [
            reading
            for target, pids in zip(targets, self._membership.of(targets), strict=True)
            for reading in _readings(target, pids, self._trees[target.owner, target.generation])
        ]


def _readings(target: Target, pids: Sequence[int], watched: _Watched) -> Iterator[Reading]:
    owner, entity, generation = target.owner, target.entity, target.generation
    try:
        each, refusal = _each(pids, watched)
    except PermissionError as error:
        reason = f"{error.filename}: permission denied"
        yield Reading(owner, entity, generation, {}, dict.fromkeys((*_MEMORY, *_OWN), reason))
        return
    if not each:
        yield Reading(owner, entity, generation, {}, {"footprint": ended_message(target)})
        return
    names = (*_MEMORY, *(name for name in _OWN if refusal is None or name not in KINDS))
    tree = {name: sum(of[name] for of in each.values()) for name in names}
    yield Reading(owner, entity, generation, tree, dict.fromkeys(KINDS, refusal) if refusal else {}, tuple(each))
    if entity == TREE:
        yield from _of_processes(target, each, watched, refusal)


def _each(pids: Sequence[int], watched: _Watched) -> tuple[Mapping[int, Counter[str]], str | None]:
    """What was read of each process that runs, and why its memory by kind was not; raises PermissionError."""
    each: dict[int, Counter[str]] = {}
    rollup = 0.0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended during the read
            began = time.thread_time()
            memory = memory_of(pid)
            rollup += time.thread_time() - began
            each[pid] = Counter(memory) + files_of(pid)
    now, began = time.monotonic(), time.thread_time()
    refusal = watched.refusal(now, rollup)
    if refusal is None:
        for pid in tuple(each):
            try:
                each[pid].update(memory_by_kind(pid))
            except (FileNotFoundError, ProcessLookupError):  # it ended since
                del each[pid]
        watched.last, watched.seconds = now, time.thread_time() - began
    return each, refusal


def _of_processes(
    target: Target, each: Mapping[int, Counter[str]], watched: _Watched, refusal: str | None
) -> Iterator[Reading]:
    sizes = {pid: float(of["process_uss_bytes"]) for pid, of in each.items()}
    watched.first = {pid: watched.first.get(pid, size) for pid, size in sizes.items()}
    chosen = largest(sizes, watched.first)
    for pid in chosen:
        own = {name: float(each[pid][name]) for name in _OWN if refusal is None or name not in KINDS}
        yield Reading(target.owner, process_entity(pid), target.generation, own, {}, (pid,))


def memory_of(pid: int) -> dict[str, int]:
    """PSS and USS in bytes. Raises OSError for a process that ended or belongs to another user."""
    fields = {}
    for line in procfs.read(pid, "smaps_rollup").splitlines()[1:]:
        key, _, text = line.partition(":")
        fields[key] = int(text.split()[0]) * _KIB
    if not fields:
        raise ProcessLookupError(pid)  # a zombie
    return {
        "process_pss_bytes": fields["Pss"],
        "process_uss_bytes": fields["Private_Clean"] + fields["Private_Dirty"] + fields.get("Private_Hugetlb", 0),
    }


def files_of(pid: int) -> Counter[str]:
    """Open files by kind. Raises OSError for a process that ended or belongs to another user."""
    counts: Counter[str] = Counter()
    folder = procfs.name(pid, "fd")
    for name in os.listdir(folder):
        try:
            link = os.readlink(f"{folder}/{name}")
        except FileNotFoundError:  # closed during the read
            continue
        kind = next((kind for start, kind in _KINDS.items() if link.startswith(start)), "other")
        counts[f"process_{kind}_fds"] += 1
    return counts
