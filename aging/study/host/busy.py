"""Which attempts run on a host, of whatever study and cluster: those whose result directory has a live owner."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aging.core.errors import writing
from aging.store.lock import owner_of
from aging.study.fleet import AttemptKey, Order
from aging.study.host.folder import AttemptFolder, HostFolder

_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Ordered:
    """What an attempt takes of its host."""

    key: AttemptKey
    exclusive: bool
    devices: Sequence[str]

    @property
    def name(self) -> str:
        return name_of(self.key)


def name_of(key: AttemptKey) -> str:
    """An attempt among those of several studies."""
    return f"study {key.study}, {key}"


def occupants(host: HostFolder) -> Iterator[Ordered]:
    """The attempts that run on this host."""
    for key, folder in host.attempts():
        directory = folder.directory()
        if directory is not None and owner_of(directory) is not None:
            yield ordered(key, folder)


def conflict(host: HostFolder, order: Order | Ordered) -> str | None:
    """Why an order cannot be started beside what runs on the host; None if it can."""
    for other in occupants(host):
        if other.key == order.key:
            continue
        if other.exclusive or order.exclusive:
            return f"the host is busy with {other.name}, and one of both asks for the whole host"
        if shared := sorted(set(other.devices) & set(order.devices)):
            return f"the host's GPU {', '.join(shared)} is in use by {other.name}"
    return None


def ordered(key: AttemptKey, folder: AttemptFolder) -> Ordered:
    """What an attempt was given; one whose order cannot be read has the whole host."""
    try:
        order = json.loads(folder.order.read_text())
        return Ordered(key, bool(order["exclusive"]), tuple(order["devices"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Ordered(key, exclusive=True, devices=())


@contextlib.contextmanager
def starting(host: HostFolder, key: AttemptKey, patience: float) -> Iterator[int | None]:
    """The host's lock of starts, as a handle to pass to the process that starts; None if it is not free in time.

    A process that inherits the handle keeps the lock until it has ended, too.
    """
    with writing(host.lock):
        host.root.mkdir(parents=True, exist_ok=True)
        handle = os.open(host.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        deadline = time.monotonic() + patience
        while not _taken(handle):
            if time.monotonic() >= deadline:
                yield None
                return
            time.sleep(_POLL_SECONDS)
        with writing(host.lock):
            os.ftruncate(handle, 0)
            os.pwrite(handle, name_of(key).encode(), 0)
        yield handle
    finally:
        os.close(handle)


def starting_now(host: HostFolder) -> str | None:
    """The attempt that is being started on the host; None without one."""
    try:
        handle = os.open(host.lock, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(handle, 4096, 0).decode(errors="replace")
    finally:
        os.close(handle)
    return None


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
