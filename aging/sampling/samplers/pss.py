"""Values too costly to read every second: proportional and unique memory, and the kinds of the open files.

``smaps_rollup`` walks every page table of the target under its mmap lock: 2 to 10 ms a resident GiB,
in which the target's own ``mmap`` waits. Once a minute that is nothing; once a second it would be tail
latency that the instrument has made. PSS shares a shared page among those who map it, so the sum over
a tree counts it once; USS is the memory that would be freed if the tree ended, less what its members share among
themselves.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from aging.core.processes import procfs
from aging.core.processes.tree import Membership
from aging.core.records import HARNESS, Reading
from aging.core.targets import Target, Targets
from aging.sampling.base import Sampler, ended_message

_KIB = 1024
_KINDS = {"socket:": "socket", "pipe:": "pipe", "anon_inode:": "anonymous", "/": "file"}
"""What a link in ``/proc/PID/fd`` begins with; ``anonymous`` are event, timer, signal and poll handles."""


class FootprintSampler(Sampler):
    """Sums over each deployment's process tree."""

    kind = "footprint"
    default_interval = 60.0

    def __init__(self, targets: Targets, results: Path = Path()) -> None:
        super().__init__(targets, results)
        self._membership = Membership()

    @classmethod
    def unavailable(cls) -> str | None:
        if not Path("/proc/self/smaps_rollup").exists():
            return "the kernel has no /proc/PID/smaps_rollup (Linux 4.14)"
        return None

    def read(self) -> Iterable[Reading]:
        targets = [target for target in self.targets() if target.owner != HARNESS]
        return [_reading(*one) for one in zip(targets, self._membership.of(targets), strict=True)]


def _reading(target: Target, pids: Sequence[int]) -> Reading:
    memory: Counter[str] = Counter()
    files: Counter[str] = Counter({f"process_{kind}_fds": 0 for kind in (*_KINDS.values(), "other")})
    seen = []
    for pid in pids:
        try:
            more_memory, more_files = memory_of(pid), files_of(pid)
        except (FileNotFoundError, ProcessLookupError):  # it ended during the read
            continue
        except PermissionError:
            reason = dict.fromkeys(("process_pss_bytes", "process_uss_bytes", *files), f"pid {pid}: permission denied")
            return Reading(target.owner, target.entity, target.generation, {}, reason)
        memory.update(more_memory)
        files.update(more_files)
        seen.append(pid)
    if not seen:
        return Reading(target.owner, target.entity, target.generation, {}, {"footprint": ended_message(target)})
    return Reading(target.owner, target.entity, target.generation, {**memory, **files}, {}, seen)


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
