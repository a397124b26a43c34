"""Processes of attempts whose folder is gone: their disk was lost, and their runner did not see it yet.

Nothing that they write is kept, and they hold what the next campaign needs: ports, GPUs, CPUs.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from aging.core.processes.ownership import MARKER, Entry, Identity, end, environment, processes
from aging.study.host.folder import HostFolder

_PATIENCE_SECONDS = 10.0
_DELETED = " (deleted)"


def end_leftovers(host: HostFolder) -> Sequence[Identity]:
    """End what runs for attempts whose folder below this host's is gone; return the processes.

    A server in a container ends with the client that runs it, if at all.
    """
    return end(lambda: leftovers(host), _PATIENCE_SECONDS)


def leftovers(host: HostFolder) -> Sequence[Identity]:
    """Processes that were started in, or marked with, a folder of an attempt here that is not there any more."""
    root = host.root.resolve()
    seen = processes()
    roots = {pid for pid in seen if _is_left(pid, root)} - {os.getpid()}
    return sorted(seen[pid].identity for pid in _with_children(roots, seen))


def _is_left(pid: int, root: Path) -> bool:
    marked = environment(pid).get(MARKER)
    if marked is not None and Path(marked).is_relative_to(root) and not Path(marked).exists():
        return True
    working = Path("/proc", str(pid), "cwd")
    try:
        path = Path(os.readlink(working).removesuffix(_DELETED))
        if path == root or not path.is_relative_to(root):
            return False
        return not path.exists() or not os.path.samestat(working.stat(), path.stat())
    except OSError:  # it has ended, or is another user's
        return False


def _with_children(roots: set[int], seen: Mapping[int, Entry]) -> set[int]:
    members = set(roots)
    while joined := {pid for pid, entry in seen.items() if pid not in members and entry.parent in members}:
        members |= joined
    return members - {os.getpid()}
