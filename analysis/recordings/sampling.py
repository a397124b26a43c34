"""Memory, descriptors and threads of a process tree, from ``/proc``."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """One process at one time; bytes."""

    anon_swap: int
    rss: int
    fds: int
    threads: int


def process(pid: int) -> Process | None:
    """A process now; None if it has ended."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            text = file.read()
        fds = len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None
    values = {}
    for line in text.split(b"\n"):
        name, _, value = line.partition(b":")
        if name in (b"RssAnon", b"VmSwap", b"VmRSS", b"Threads"):
            values[name] = int(value.split()[0])
    if b"VmRSS" not in values:
        return None
    return Process(
        anon_swap=1024 * (values[b"RssAnon"] + values[b"VmSwap"]),
        rss=1024 * values[b"VmRSS"],
        fds=fds,
        threads=values[b"Threads"],
    )


def children(pid: int) -> list[int]:
    """Pids of all descendants, in the order of their pids."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        try:
            tasks = list(Path(f"/proc/{parent}/task").iterdir())
        except OSError:
            continue
        for task in tasks:
            try:
                of_task = [int(part) for part in (task / "children").read_text().split()]
            except OSError:
                continue
            found += of_task
            waiting += of_task
    return sorted(found)


def age(pid: int) -> float:
    """Seconds since a process started."""
    text = Path(f"/proc/{pid}/stat").read_text()
    started = int(text.rsplit(")", 1)[1].split()[19]) / _TICKS
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started
