"""Which processes are a campaign's own, proven, and how such are ended. The standard library alone.

A process is known by its pid and the time it started, in the kernel's clock ticks since boot: of
one boot no two processes have both. It belongs to a campaign when the journal recorded just these
two, when its environment carries the campaign's mark, or when it descends from, or is in the
session of, such a one. Nothing else is ever signalled.
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
"""Environment variable in every child: the result directory it belongs to."""

LIFE = "AGING_LIFE"
"""Environment variable in every server: which life of which deployment it belongs to, by the name of its log."""

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_POLL_SECONDS = 0.05
_ROUNDS = 5
"""Looks for what was started while the others were being ended."""

Environment = Mapping[str, str]


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """A process of this boot: its pid, and its start in clock ticks since boot (``/proc/PID/stat``, field 22)."""

    pid: int
    start: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A living process, as one look at ``/proc`` shows it."""

    identity: Identity
    parent: int
    session: int


def identity(pid: int) -> Identity | None:
    """Of a process that lives; None for one that has ended, also where nobody has waited for it yet."""
    entry = _entry(pid)
    return None if entry is None else entry.identity


def age(pid: int) -> float:
    """Seconds since a process started, by the kernel's own clock. Raises ProcessLookupError when it has ended."""
    known = identity(pid)
    if known is None:
        raise ProcessLookupError(pid)
    return max(time.clock_gettime(time.CLOCK_BOOTTIME) - known.start / _TICKS, 0.0)


def lives(one: Identity) -> bool:
    """Whether just this process still runs."""
    return identity(one.pid) == one


def environment(pid: int) -> Environment:
    """The marks in its environment as it was started with; empty where it has ended, is somebody else's or wiped it.

    Programs that set their title overwrite what the kernel shows here.
    """
    try:
        raw = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return {}
    entries = (os.fsdecode(entry).partition("=") for entry in raw.split(b"\0"))
    return {name: value for name, _, value in entries if name in (MARKER, LIFE)}


def command_line(pid: int) -> tuple[str, ...]:
    """Its arguments as the kernel shows them now; empty when it has ended."""
    try:
        raw = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(os.fsdecode(part) for part in raw.rstrip(b"\0").split(b"\0"))


def mark(path: Path) -> str:
    """How a path stands in a mark: the same from whichever folder the campaign is looked at."""
    return str(path.resolve())


def processes() -> Mapping[int, Entry]:
    """Every living process, by pid."""
    found = {}
    for name in os.listdir(_PROC):
        if name.isdigit() and (entry := _entry(int(name))) is not None:
            found[entry.identity.pid] = entry
    return found


def belonging(
    campaign: str,
    recorded: Iterable[Identity] = (),
    look: Callable[[], Mapping[int, Entry]] = processes,
    marks: Callable[[int], Environment] = environment,
) -> Sequence[Identity]:
    """The living processes that are proven to be of the campaign with this mark; never ourselves or an ancestor.

    ``recorded`` are the processes that its journal tells, of this boot.
    """
    seen, known = look(), set(recorded)
    told = {pid: marks(pid) for pid in seen}
    roots = {pid for pid, entry in seen.items() if entry.identity in known or told[pid].get(MARKER) == campaign}
    # One whose mark is another campaign's was started by ours, but is not ours: a campaign in a campaign.
    others = {pid for pid in seen if told[pid].get(MARKER, campaign) != campaign}
    return sorted(seen[pid].identity for pid in _grown(roots, seen, others) - _lineage(seen))


def kin(roots: Iterable[Identity], of_lives: Collection[str]) -> Collection[Identity]:
    """The living processes of some lives: their roots, what descends from them, and what carries their marks."""
    seen, known = processes(), set(roots)
    members = {pid for pid, entry in seen.items() if entry.identity in known or environment(pid).get(LIFE) in of_lives}
    return {seen[pid].identity for pid in _grown(members, seen, set())}


def campaigns(marks: Callable[[int], Environment] = environment) -> Sequence[str]:
    """The campaigns of which some process lives, by their marks."""
    return sorted({mark for pid in processes() if (mark := marks(pid).get(MARKER))})


def end(find: Callable[[], Sequence[Identity]], patience: float) -> Sequence[Identity]:
    """SIGTERM to what ``find`` tells, SIGKILL to what is left after ``patience`` seconds; what was signalled."""
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
    """Signal just this process; False when it has ended. The pid cannot have passed to another in between."""
    try:
        handle = os.pidfd_open(one.pid)
    except ProcessLookupError:
        return False
    except OSError:  # a kernel before 5.3 has no such call
        return _send_by_pid(one, number)
    try:
        if not lives(one):
            return False
        signal.pidfd_send_signal(handle, number)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        os.close(handle)
    return True


def _send_by_pid(one: Identity, number: signal.Signals) -> bool:
    if lives(one):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(one.pid, number)
            return True
    return False


def _grown(roots: set[int], seen: Mapping[int, Entry], others: set[int]) -> set[int]:
    """The roots, with what descends from them and what is in their sessions; ``others`` do not belong to them."""
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
    while any(lives(member) for member in members) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _lineage(seen: Mapping[int, Entry]) -> set[int]:
    """Ourselves and our ancestors."""
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
    except (OSError, ValueError):  # it ended, or hidepid hides it
        return None
    if state in "ZX":
        return None
    return Entry(Identity(pid, int(rest[15])), int(parent), int(session))
