"""Rows of single processes: which of a tree have some, and how often.

A tree of hundreds of processes has at most :data:`MOST` rows a time and one for all others; days of watching have
hardly more rows than hours.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aging.core.metrics import PRIMARY
from aging.core.processes import procfs
from aging.core.processes.command_lines import command_line
from aging.core.records import OTHERS, Lineage, Reading, process_entity
from aging.core.targets import Target

MOST = 16
"""Processes of a tree with rows of their own: half of them the largest, the other half those that grew the most."""

_SHARE_OF_AGE = 1 / 120
_LEAST_SECONDS = 1.0

LEAST_OFTEN_SECONDS = 60.0
"""The longest time between two rows of a process."""

_COMMAND_SECONDS = 600.0
"""A command line that has not changed is written again after this time, so that damaged files cost no name."""

_TOLERANCE = 0.5
"""Of the least distance of two rows: a tick comes a little early or late."""

Values = Mapping[int, Mapping[str, float]]
"""What was read of each process, by pid."""

_UPTIME = "process_uptime_seconds"

METRICS = (PRIMARY, "process_file_bytes", "process_shmem_bytes", "process_fds", "process_threads", _UPTIME)
"""Those of the process sampler that the row of a single process has."""


@dataclass(slots=True)
class Memory:
    """What is remembered of the processes of a tree: memory when it was first read, and the last command line."""

    first: dict[int, float] = field(default_factory=dict)
    told: dict[int, tuple[str, float]] = field(default_factory=dict)


@dataclass(slots=True)
class _Watched:
    began: float
    last: float | None = None
    memory: Memory = field(default_factory=Memory)


class ProcessRows:
    """Readings of the single processes of each tree.

    They are due after a 120th of the time that the tree has been watched: at least 1 s, at most 60 s.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._trees: dict[tuple[str, int], _Watched] = {}

    def of(self, target: Target, values: Values, components: Mapping[int, str]) -> list[Reading]:
        """The readings of a tree whose processes have these values; none where they are not due.

        ``components`` names the component of each process, where the deployment has several.
        """
        now = self._now()
        tree = self._trees.setdefault((target.owner, target.generation), _Watched(now))
        gap = min(max((now - tree.began) * _SHARE_OF_AGE, _LEAST_SECONDS), LEAST_OFTEN_SECONDS)
        if tree.last is not None and now - tree.last < gap - _TOLERANCE * _LEAST_SECONDS:
            return []
        tree.last = now
        return list(_readings(target, values, components, tree.memory, now))

    def forget(self, targets: Sequence[Target]) -> None:
        """Forget every tree but those of ``targets``."""
        kept = {(target.owner, target.generation) for target in targets}
        self._trees = {key: tree for key, tree in self._trees.items() if key in kept}


def _readings(
    target: Target, values: Values, components: Mapping[int, str], memory: Memory, now: float
) -> Iterator[Reading]:
    sizes = {pid: of[PRIMARY] for pid, of in values.items() if PRIMARY in of}
    memory.first = {pid: memory.first.get(pid, size) for pid, size in sizes.items()}
    chosen = largest(sizes, memory.first)
    for pid in chosen:
        lineage = _lineage(pid, memory, now)
        if lineage is None:  # it ended during the read
            continue
        own = {name: value for name, value in values[pid].items() if name in METRICS}
        entity = process_entity(pid, components.get(pid, ""))
        yield Reading(target.owner, entity, target.generation, own, {}, (pid,), lineage=lineage)
    memory.told = {pid: told for pid, told in memory.told.items() if pid in sizes}
    others = [values[pid] for pid in sizes if pid not in chosen]
    if others:
        known = [name for name in METRICS if name != _UPTIME and all(name in of for of in others)]
        summed = {name: sum(of[name] for of in others) for name in known}
        yield Reading(target.owner, OTHERS, target.generation, summed | {"process_count": float(len(others))})


def largest(sizes: Mapping[int, float], first: Mapping[int, float], most: int = MOST) -> tuple[int, ...]:
    """The pids that have rows of their own: half of ``most`` by their size, the rest by growth since ``first``."""
    if len(sizes) <= most:
        return tuple(sizes)
    by_size = sorted(sizes, key=lambda pid: -sizes[pid])
    kept, rest = by_size[: most // 2], by_size[most // 2 :]
    rest.sort(key=lambda pid: first.get(pid, sizes[pid]) - sizes[pid])
    return (*kept, *rest[: most - len(kept)])


def _lineage(pid: int, memory: Memory, now: float) -> Lineage | None:
    try:
        parent, command = procfs.parent(pid), command_line(pid)
    except OSError:
        return None
    before = memory.told.get(pid)
    if before is not None and before[0] == command and now - before[1] < _COMMAND_SECONDS:
        return Lineage(parent, None)
    memory.told[pid] = command, now
    return Lineage(parent, command)
