"""Is the kernel's out-of-memory killer near, and which server has grown? It is ended before the harness is killed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import psutil

_LEAST_GROWTH_BYTES = 2**20
_GROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes available before the kernel kills a process, and whose limit that is."""

    available: int
    limit: str

    @classmethod
    def now(cls) -> Memory:
        """Of the host, or of a control group (version 2) of the harness, whichever is less."""
        host = cls(psutil.virtual_memory().available, "the host")
        return min([host, *_of_groups()], key=lambda memory: memory.available)


def too_little(memory: Memory, least: int) -> str | None:
    """Why a server must be ended; None while there is enough memory."""
    if memory.available >= least:
        return None
    return (
        f"only {memory.available / 2**20:.0f} MiB of memory are left to {memory.limit}, less than {least / 2**20:.0f}"
    )


def offender(growth: Mapping[str, float]) -> str | None:
    """The name with the most growth in bytes; None if no growth reaches 1 MiB."""
    grown = {name: size for name, size in growth.items() if size >= _LEAST_GROWTH_BYTES}
    return max(grown, key=lambda name: grown[name], default=None)


def _of_groups() -> Iterator[Memory]:
    path = _own_path()
    for group in () if path is None else (path, *path.parents):
        folder = _GROUPS / group.relative_to("/")
        try:
            limit, used = (folder / "memory.max").read_text().strip(), int((folder / "memory.current").read_text())
            stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        except (OSError, ValueError):  # no such controller, or the root group
            continue
        if limit != "max":
            # Memory that the kernel can reclaim at once does not count, as in the host's "available".
            yield Memory(int(limit) - used + int(stat.get("inactive_file", 0)), f"control group {group}")


def _own_path() -> PurePosixPath | None:
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    return next((PurePosixPath(line[3:]) for line in lines if line.startswith("0::/")), None)
