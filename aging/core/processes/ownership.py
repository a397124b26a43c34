"""Which processes belong to a campaign, by proof, and how they are ended. Standard library only.

A process is identified by pid and start time (clock ticks since boot), which are unique within a boot. It belongs to
a campaign if the journal recorded both, if its environment contains the campaign's mark, or if it is a descendant or
in the session of such a process. No other process is signalled.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MARKER = "AGING_CAMPAIGN"
"""Environment variable of every child: its result directory."""

GENERATION_MARKER = "AGING_LIFE"
"""Environment variable of every server: the path of its log, which identifies deployment and generation."""

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_POLL_SECONDS = 0.05
_ROUNDS = 5
"""Attempts to also end processes that are started while others are ended."""

Environment = Mapping[str, str]


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """A process of this boot: its pid, and its start in clock ticks since boot (``/proc/PID/stat``, field 22)."""

    pid: int
    start: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A running process in one scan of ``/proc``."""

    identity: Identity
    parent: int
    session: int


def identity(pid: int) -> Identity | None:
    """The identity of a running process; None if it has ended, also if it is a zombie."""
    entry = _entry(pid)
    return None if entry is None else entry.identity


def age(pid: int) -> float:
    """Seconds since the start of a process, by the kernel's clock. Raises ProcessLookupError if it has ended."""
    known = identity(pid)
    if known is None:
        raise ProcessLookupError(pid)
    return max(time.clock_gettime(time.CLOCK_BOOTTIME) - known.start / _TICKS, 0.0)


def is_running(one: Identity) -> bool:
    """Whether this process still runs (a reused pid is another process)."""
    return identity(one.pid) == one


def environment(pid: int) -> Environment:
    """The marks in the initial environment of a process; empty if it has ended, is unreadable or overwritten.

    Programs that set their process title overwrite this memory.
    """
    try:
        raw = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return {}
    entries = (os.fsdecode(entry).partition("=") for entry in raw.split(b"\0"))
    return {name: value for name, _, value in entries if name in (MARKER, GENERATION_MARKER)}


def command_line(pid: int) -> tuple[str, ...]:
    """The arguments of a process; empty if it has ended."""
    try:
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(os.fsdecode(part) for part in raw.rstrip(b"\0").split(b"\0"))


def mark(path: Path) -> str:
    """The value of a mark for a path: absolute, so independent of the working directory."""
    return str(path.resolve())


def processes() -> Mapping[int, Entry]:
    """Every running process, by pid."""
    found = {}
    for name in os.listdir(_PROC):
        if name.isdigit() and (entry := _entry(int(name))) is not None:
            found[entry.identity.pid] = entry
    return found


def campaign_processes(
    campaign: str,
    recorded: Iterable[Identity] = (),
    look: Callable[[], Mapping[int, Entry]] = processes,
    marks: Callable[[int], Environment] = environment,
) -> Sequence[Identity]:
    """The running processes of the campaign with this mark, without the calling process and its ancestors.

    ``recorded`` are the processes of this boot in its journal.
    """
    seen, known = look(), set(recorded)
    marks_of = {pid: marks(pid) for pid in seen}
    roots = {pid for pid, entry in seen.items() if entry.identity in known or marks_of[pid].get(MARKER) == campaign}
    # A campaign that a process of this campaign started has a mark of its own, and is excluded.
    others = {pid for pid in seen if marks_of[pid].get(MARKER, campaign) != campaign}
    return sorted(seen[pid].identity for pid in _with_relatives(roots, seen, others) - _lineage(seen))


def generation_processes(roots: Iterable[Identity], generation_marks: Collection[str]) -> Collection[Identity]:
    """The running processes of some generations: their roots, descendants, and those with their marks."""
    seen, known = processes(), set(roots)
    members = {
        pid
        for pid, entry in seen.items()
        if entry.identity in known or environment(pid).get(GENERATION_MARKER) in generation_marks
    }
    return {seen[pid].identity for pid in _with_relatives(members, seen, set())}


def campaigns(marks: Callable[[int], Environment] = environment) -> Sequence[str]:
    """The marks of all campaigns with a running process."""
    return sorted({mark for pid in processes() if (mark := marks(pid).get(MARKER))})


def end(find: Callable[[], Sequence[Identity]], patience: float) -> Sequence[Identity]:
    """SIGTERM to the processes that ``find`` returns, SIGKILL after ``patience`` seconds; return those signalled."""
    ended: dict[Identity, None] = {}
    for turn in range(_ROUNDS):
        members = find()
        if not members:
            break
        ended |= dict.fromkeys(members)
        if turn == 0 and patience > 0:
            for member in members:
                send(member, signal.SIGTERM)
            _wait(members, patience)
        for member in find():
            ended[member] = None
            send(member, signal.SIGKILL)
        _wait(tuple(ended), 1.0)
    return tuple(ended)


def send(one: Identity, number: signal.Signals) -> bool:
    """Signal this process; False if it has ended. A pidfd excludes that a reused pid is signalled."""
    try:
        handle = os.pidfd_open(one.pid)
    except ProcessLookupError:
        return False
    except OSError:  # Linux before 5.3 has no pidfd_open
        return _send_by_pid(one, number)
    try:
        if not is_running(one):
            return False
        signal.pidfd_send_signal(handle, number)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        os.close(handle)
    return True


def _send_by_pid(one: Identity, number: signal.Signals) -> bool:
    if is_running(one):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(one.pid, number)
            return True
    return False


def _with_relatives(roots: set[int], seen: Mapping[int, Entry], others: set[int]) -> set[int]:
    """The roots with their descendants and session members, without ``others``."""
    members = roots - others
    while joined := {
        pid
        for pid, entry in seen.items()
        if pid not in members and pid not in others and (entry.parent in members or entry.session in members)
    }:
        members |= joined
    return members


def _wait(members: Sequence[Identity], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(is_running(member) for member in members) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _lineage(seen: Mapping[int, Entry]) -> set[int]:
    """The calling process and its ancestors."""
    line, pid = set(), os.getpid()
    while pid in seen and pid not in line:
        line.add(pid)
        pid = seen[pid].parent
    return line


def _entry(pid: int) -> Entry | None:
    try:
        state, parent, _group, session, *rest = (
            (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        )
    except (OSError, ValueError):  # it has ended, or hidepid hides it
        return None
    if state in "ZX":
        return None
    return Entry(Identity(pid, int(rest[15])), int(parent), int(session))
