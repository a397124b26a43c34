"""The processes of a target: its tree, and workers that have left the tree.

A worker whose parent has ended, or that has daemonized, is not a descendant of its server any more. It is found if it
was a member at the last scan, is in the session of the server, or has the generation mark in its environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from aging.core.processes import procfs
from aging.core.processes.child import GENERATION_MARKER
from aging.core.targets import Target


@dataclass(frozen=True, slots=True)
class Processes:
    """All processes: parent, session and start (in clock ticks since boot) by pid."""

    parents: Mapping[int, int]
    sessions: Mapping[int, int]
    starts: Mapping[int, int]

    @classmethod
    def seen(cls) -> Processes:
        """The running processes, from one pass over ``/proc``; a process that ends during the pass is left out."""
        parents, sessions, starts = {}, {}, {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    stat = procfs.read(int(entry), "stat")
                except (FileNotFoundError, ProcessLookupError, PermissionError):  # ended, or hidden by hidepid
                    continue
                fields, pid = stat.rpartition(")")[2].split(), int(entry)
                parents[pid], sessions[pid], starts[pid] = int(fields[1]), int(fields[3]), int(fields[19])
        return cls(parents, sessions, starts)

    def children(self) -> Mapping[int, Sequence[int]]:
        """Pids by parent."""
        table: dict[int, list[int]] = {}
        for pid, parent in self.parents.items():
            table.setdefault(parent, []).append(pid)
        return table


class Membership:
    """Remembers the members of each target from one scan to the next. Each sampler has its own."""

    def __init__(self, look: Callable[[], Processes] = Processes.seen) -> None:
        self._look = look
        self._members: dict[tuple[str, str, int], dict[int, int]] = {}
        self._looked_at: set[tuple[int, int]] = set()

    def of(self, targets: Sequence[Target]) -> list[tuple[int, ...]]:
        """Every pid of each target, its roots first; some may have ended since the scan."""
        if not any(target.with_descendants for target in targets):
            return [target.pids for target in targets]
        processes = self._look()
        children, marked = processes.children(), self._marked(processes, targets)
        leaders: dict[int, list[int]] = {}
        for pid, session in processes.sessions.items():
            leaders.setdefault(session, []).append(pid)
        found, remembered = [], {}
        for target in targets:
            if not target.with_descendants:
                found.append(target.pids)
                continue
            key = (target.owner, target.entity, target.generation)
            before = self._members.get(key, {})
            alive = [pid for pid, start in before.items() if processes.starts.get(pid) == start]
            mates = [pid for root in target.pids for pid in leaders.get(root, ())]
            roots = [*target.pids, *alive, *mates, *marked.get(target.mark or "", ())]
            members = tuple(dict.fromkeys(_with_descendants(roots, children)))
            remembered[key] = {pid: processes.starts[pid] for pid in members if pid in processes.starts}
            found.append(members)
        self._members = remembered
        return found

    def _marked(self, processes: Processes, targets: Iterable[Target]) -> Mapping[str, Sequence[int]]:
        """Processes that are new since the last scan, by the generation mark in their environment."""
        now = set(processes.starts.items())
        new, self._looked_at = now - self._looked_at, now
        marks = {target.mark for target in targets if target.mark is not None}
        marked: dict[str, list[int]] = {}
        for pid, _ in new if marks else ():
            try:
                environment = procfs.read(pid, "environ")
            except OSError:  # it has ended, or belongs to another user
                continue
            for entry in environment.split("\0"):
                name, _, mark = entry.partition("=")
                if name == GENERATION_MARKER and mark in marks:
                    marked.setdefault(mark, []).append(pid)
        return marked


def _with_descendants(roots: Iterable[int], children: Mapping[int, Sequence[int]]) -> Iterator[int]:
    waiting, seen = list(roots)[::-1], set()
    while waiting:
        pid = waiting.pop()
        if pid in seen:
            continue
        seen.add(pid)
        yield pid
        waiting.extend(children.get(pid, ()))
