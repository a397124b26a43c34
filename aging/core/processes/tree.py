"""Which processes are a target's: its tree, and those that have left it.

A worker that is started by a server and then cut off from it (its parent ended, or it made itself a
daemon) has no parent to be found by. It is known by one of: it was a member at the last look and
still lives; it is in the session that the server leads; it carries the mark of its life in its
environment.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from aging.core.processes import procfs
from aging.core.processes.child import LIFE
from aging.core.targets import Target


@dataclass(frozen=True, slots=True)
class Processes:
    """Every process there is: parent, session and start (of one clock, in its unit) by pid."""

    parents: Mapping[int, int]
    sessions: Mapping[int, int]
    starts: Mapping[int, int]

    @classmethod
    def seen(cls) -> Processes:
        """Those of now, from one pass over ``/proc``; one that ends meanwhile is left out."""
        parents, sessions, starts = {}, {}, {}
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    stat = procfs.read(int(entry), "stat")
                except (FileNotFoundError, ProcessLookupError, PermissionError):  # it ended, or hidepid hides it
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
    """Remembers the members of each target from one look to the next. One a reader."""

    def __init__(self, look: Callable[[], Processes] = Processes.seen) -> None:
        self._look = look
        self._members: dict[tuple[str, str, int], dict[int, int]] = {}
        self._looked_at: set[tuple[int, int]] = set()

    def of(self, targets: Sequence[Target]) -> list[tuple[int, ...]]:
        """Every pid of each target, its roots first; those that have ended meanwhile may be among them."""
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
            roots = [*target.pids, *alive, *mates, *marked.get(target.life or "", ())]
            members = tuple(dict.fromkeys(_with_descendants(roots, children)))
            remembered[key] = {pid: processes.starts[pid] for pid in members if pid in processes.starts}
            found.append(members)
        self._members = remembered
        return found

    def _marked(self, processes: Processes, targets: Iterable[Target]) -> Mapping[str, Sequence[int]]:
        """Processes that have come since the last look, by the life that their environment says they belong to."""
        now = set(processes.starts.items())
        new, self._looked_at = now - self._looked_at, now
        lives = {target.life for target in targets if target.life is not None}
        marked: dict[str, list[int]] = {}
        for pid, _ in new if lives else ():
            try:
                environment = procfs.read(pid, "environ")
            except OSError:  # it ended, or is somebody else's
                continue
            for entry in environment.split("\0"):
                name, _, life = entry.partition("=")
                if name == LIFE and life in lives:
                    marked.setdefault(life, []).append(pid)
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
