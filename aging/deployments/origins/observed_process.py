"""What is known of a process before it is observed: what it runs, where it listens, what it belongs to."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aging.core.format import byte_size, readable_duration
from aging.core.processes import procfs
from aging.core.processes.command_lines import command_line
from aging.core.processes.ownership import age

_PAGE = os.sysconf("SC_PAGE_SIZE")
_LISTENS = "0A"
_UNITS = (".service", ".scope", ".socket")


@dataclass(frozen=True, slots=True)
class ObservedProcess:
    """A process with its tree: ``age`` in seconds, the resident ``memory`` of the tree in bytes, listening ``ports``.

    ``ports`` are those that this user may see; ``unit`` is systemd's. ``group`` is its control group, empty where it
    has none.
    """

    pid: int
    command: str
    age: float
    memory: int
    ports: tuple[int, ...] = ()
    unit: str | None = None
    group: str = ""

    @classmethod
    def seen(cls, pid: int, parents: Mapping[int, int]) -> ObservedProcess:
        """The process as it is now. ``parents`` has the parent of every process. Raises ProcessLookupError."""
        members = [pid, *_descendants(pid, parents)]
        try:
            command, group = command_line(pid), _group(pid)
        except OSError:
            raise ProcessLookupError(pid) from None
        return cls(
            pid=pid,
            command=command,
            age=age(pid),
            memory=sum(_resident(member) for member in members),
            ports=tuple(sorted(_ports(members))),
            unit=next((part for part in reversed(group.split("/")) if part.endswith(_UNITS)), None),
            group=group,
        )

    def __str__(self) -> str:
        """``vllm serve llama (pid 4711, port 8000, vllm.service)``."""
        ports = [f"port{'' if len(self.ports) == 1 else 's'} {', '.join(map(str, self.ports))}"] if self.ports else []
        unit = self.unit or (self.group if self.group.strip("/") else None)
        return f"{self.command} ({', '.join([f'pid {self.pid}', *ports, *([unit] if unit else [])])})"

    def row(self, width: int = 100) -> str:
        """Pid, age, memory and command in columns."""
        command = self.command if len(self.command) <= width else f"{self.command[: width - 1]}…"
        return f"{self.pid:>8}  {readable_duration(self.age):>8}  {byte_size(self.memory):>10}  {command}"

    def as_json(self) -> dict[str, Any]:
        """The process without what changes from second to second."""
        return {
            "pid": self.pid,
            "command": self.command,
            "ports": list(self.ports),
            "unit": self.unit,
            "control_group": self.group or None,
        }


ROW_HEADS = f"{'pid':>8}  {'age':>8}  {'memory':>10}  command"
"""The heads of the columns of :meth:`ObservedProcess.row`."""


def _descendants(pid: int, parents: Mapping[int, int]) -> Sequence[int]:
    children: dict[int, list[int]] = {}
    for child, parent in parents.items():
        children.setdefault(parent, []).append(child)
    found = list(children.get(pid, ()))
    for member in found:
        found.extend(children.get(member, ()))
    return found


def _resident(pid: int) -> int:
    try:
        return int(procfs.read(pid, "statm").split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _group(pid: int) -> str:
    """The path of the control group of version 2, else of systemd's of version 1. Raises OSError."""
    paths: dict[str, str] = {}
    for line in procfs.read(pid, "cgroup").splitlines():
        number, name, path = line.split(":", 2)
        paths["" if number == "0" else name] = path
    path = paths.get("", "").strip("/") or paths.get("name=systemd", "").strip("/")
    return f"/{path}" if path else ""


def _ports(members: Sequence[int]) -> Iterator[int]:
    """The TCP ports where one of these processes listens, each once."""
    inodes = {inode for member in members for inode in _sockets(member)}
    listening = dict.fromkeys(_listening(members[0], inodes)) if inodes else {}
    yield from listening


def _sockets(pid: int) -> Iterator[str]:
    folder = procfs.name(pid, "fd")
    try:
        names = os.listdir(folder)
    except OSError:  # it belongs to another user, or has ended
        return
    for name in names:
        try:
            link = os.readlink(f"{folder}/{name}")
        except OSError:
            continue
        if link.startswith("socket:["):
            yield link[len("socket:[") : -1]


def _listening(pid: int, inodes: Collection[str]) -> Iterator[int]:
    """Ports of the sockets with these inodes, in the network of a process: that of its container."""
    for table in ("net/tcp", "net/tcp6"):
        try:
            lines = procfs.read(pid, table).splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTENS and fields[9] in inodes:
                yield int(fields[1].rpartition(":")[2], 16)
