"""The lock of a result directory: one owner, whose lock the kernel frees when it ends.

``flock`` on ``DIR/lock``. The file's content is the owner's pid, start and host. It stays after the owner has ended,
so only the lock shows whether there is an owner, never the content. Standard library alone: the keeper, which waits for
days, imports nothing else. A library such as filelock would be a dependency around the same ``flock``.
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
"""A process that only asks for the owner holds the lock for an instant, too."""

_POLL_SECONDS = 0.02

Role = Literal["runner", "keeper", "stop", "guard", "study"]


@dataclass(frozen=True, slots=True)
class Owner:
    """The holder of a lock: process, host, start (epoch seconds) and role."""

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
        """Whether the owner runs on this host."""
        return self.host == platform.node()

    def __str__(self) -> str:
        action = {
            "runner": "is being run",
            "keeper": "is being cleaned up",
            "stop": "is being stopped",
            "guard": "is the state of a guard that is run",
            "study": "is a study that is being run",
        }[self.role]
        since = datetime.fromtimestamp(self.since, UTC)
        return f"{action} by process {self.pid} on {self.host}, since {since:%Y-%m-%d %H:%M:%S} UTC"


class LockedError(AgingError):
    """A result directory that another process owns.

    ``stop`` says how to stop a process that runs it, by default with ``aging stop``.
    """

    def __init__(self, directory: Path, owner: Owner | None, stop: str | None = None) -> None:
        self.owner = owner
        state = "is locked by another process" if owner is None else str(owner)
        stop = stop or f"to stop it: aging stop {directory}"
        hint = f"; {stop}" if owner is not None and owner.role in ("runner", "study") else ""
        super().__init__(f"{directory}: {state}{hint}")


class Lock:
    """The lock of one result directory, held until :meth:`close` or the end of this process."""

    def __init__(self, handle: int, owner: Owner) -> None:
        self._handle = handle
        self.owner = owner

    @classmethod
    def take(cls, directory: Path, role: Role, patience: float = _TAKING_SECONDS) -> Lock:
        """Become the owner. Raises LockedError with the owner if the lock is not free within ``patience`` seconds."""
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
        with contextlib.suppress(OSError):  # on a full disk the lock holds without its content
            os.ftruncate(handle, 0)
            os.pwrite(handle, (json.dumps(asdict(owner)) + "\n").encode(), 0)
            os.fsync(handle)
        return cls(handle, owner)

    def close(self) -> None:
        os.close(self._handle)


def owner_of(directory: Path) -> Owner | None:
    """The current owner of the directory; None if it has no owner."""
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
    """The owner recorded in the lock file, current or not; None without a record."""
    try:
        return Owner(**json.loads((directory / _NAME).read_text()))
    except (OSError, ValueError, TypeError):  # does not exist, or is being written
        return None


def _locked(handle: int, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
