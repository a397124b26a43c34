"""One owner a result directory: a lock that the kernel frees with its owner, and who that is.

``flock`` on ``DIR/lock``. The file's content tells the owner's pid, start and host; it stays when the
owner has gone, so that it is the lock itself that says whether there is an owner, never the content.
The standard library alone: the keeper, which stands by for days, holds the lock and imports nothing else. No figure
speaks for it against a library such as filelock; what one would add is a dependency around the same ``flock``.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from aging.core.errors import AgingError, writing
from aging.core.processes.ownership import Identity, identity

_NAME = "lock"
_TAKING_SECONDS = 1.0
"""Whoever only asks whether there is an owner holds the lock for an instant, too."""

_POLL_SECONDS = 0.02

Role = Literal["runner", "keeper", "stop"]


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a lock: process, host, since when (epoch seconds), and as what."""

    pid: int
    start: int
    host: str
    since: float
    role: Role

    @property
    def identity(self) -> Identity:
        return Identity(self.pid, self.start)

    @property
    def here(self) -> bool:
        """Whether it is a process of this host."""
        return self.host == platform.node()

    def __str__(self) -> str:
        what = {"runner": "run", "keeper": "cleared up", "stop": "stopped"}[self.role]
        since = datetime.fromtimestamp(self.since, UTC)
        return f"is being {what} by process {self.pid} on {self.host}, since {since:%Y-%m-%d %H:%M:%S} UTC"


class LockedError(AgingError):
    """A result directory that another process owns."""

    def __init__(self, directory: Path, owner: Owner | None) -> None:
        self.owner = owner
        told = "is locked by another process" if owner is None else str(owner)
        help_ = f"; `aging stop {directory}` ends it" if owner is not None and owner.role == "runner" else ""
        super().__init__(f"{directory}: {told}{help_}")


class Lock:
    """The lock of one result directory, held until :meth:`close` or the end of this process."""

    def __init__(self, handle: int, owner: Owner) -> None:
        self._handle = handle
        self.owner = owner

    @classmethod
    def take(cls, directory: Path, role: Role, patience: float = _TAKING_SECONDS) -> Lock:
        """Become the owner. Raises LockedError telling who is, when it is not free within ``patience`` seconds."""
        with writing(directory / _NAME):
            handle = os.open(directory / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + patience
        while not _locked(handle, fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                os.close(handle)
                raise LockedError(directory, recorded_owner(directory))
            time.sleep(_POLL_SECONDS)
        me = identity(os.getpid()) or Identity(os.getpid(), 0)
        owner = Owner(me.pid, me.start, platform.node(), time.time(), role)
        with contextlib.suppress(OSError):  # on a full disk it is a lock all the same, only a silent one
            os.ftruncate(handle, 0)
            os.pwrite(handle, (json.dumps(asdict(owner)) + "\n").encode(), 0)
            os.fsync(handle)
        return cls(handle, owner)

    def close(self) -> None:
        os.close(self._handle)


def owner_of(directory: Path) -> Owner | None:
    """Who owns the directory now; None when nobody does."""
    try:
        handle = os.open(directory / _NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if _locked(handle, fcntl.LOCK_SH):
            return None
    finally:
        os.close(handle)
    return recorded_owner(directory)


def recorded_owner(directory: Path) -> Owner | None:
    """The owner that the file tells, whether it still is one or not; None where none is told."""
    try:
        return Owner(**json.loads((directory / _NAME).read_text()))
    except (OSError, ValueError, TypeError):  # not there, or being written
        return None


def _locked(handle: int, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
