"""Resumes, stops and removes an attempt on this host."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

from aging.core.errors import AgingError, writing
from aging.core.processes.ownership import identity, is_running, send
from aging.core.whole_file import write_synced
from aging.store.journal import read_journal
from aging.store.lock import Owner, owner_of
from aging.store.state import fold
from aging.study.fleet import AttemptKey, Look
from aging.study.host.busy import conflict, ordered, starting
from aging.study.host.folder import AttemptFolder, HostFolder
from aging.study.host.launch import said, spawn, spawn_apart, write_order
from aging.study.host.looks import look_at
from aging.study.host.priority import PriorityError

_WAIT_SECONDS = 60.0
_RESUME_SECONDS = 180.0
"""Imports, checks, the end of a keeper (at most 60 s) and of the processes that are not re-adopted."""

_DRAIN_SECONDS = 10.0
"""A drain that takes longer goes on, and later looks see its end."""

_UNHEARD_SECONDS = 30.0
"""An interrupt that the journal does not have by then was lost while the runner was starting, and is sent again."""

_STOP_SECONDS = 120.0
"""For a keeper that ends processes (at most 60 s), and for the processes that a killed runner left."""

_POLL_SECONDS = 0.1


def resume(host: str, key: AttemptKey, scratch: str, devices: Sequence[str] | None = None) -> Look:
    """Continue an attempt as ``aging resume`` does; only look where it runs, or cannot be resumed.

    ``devices`` are the GPUs that it has now; None: those that it had. ``why`` of the look says why it could not be
    resumed.
    """
    folder = HostFolder.of(scratch, host)
    attempt = folder.attempt(key)
    with starting(folder, key, _WAIT_SECONDS) as handle:
        seen = look_at(folder, key, by_starter=handle is not None)
        if seen.state == "running" or not seen.resumable or seen.directory is None:
            return seen
        if handle is None:
            return replace(seen, why="the host is starting another attempt for longer than a minute; resume it again")
        order = ordered(key, attempt)
        if devices is not None:
            order = replace(order, devices=tuple(devices))
        if why := conflict(folder, order):
            return replace(seen, why=why)
        with writing(attempt.order):
            write_order(attempt, key, order.devices, exclusive=order.exclusive)
        why = _resume(attempt, Path(seen.directory), order.devices)
        seen = look_at(folder, key, by_starter=True)
        return seen if why is None or seen.state == "running" else replace(seen, why=why)


def _resume(attempt: AttemptFolder, directory: Path, devices: Sequence[str]) -> str | None:
    """Start the runner; None once it owns the directory, else what it said."""
    with writing(directory):
        log = (directory / "runner.log").open("ab")
    with log:
        try:
            pid = spawn_apart(("resume", str(directory)), attempt.root, devices, log.fileno())
        except PriorityError as error:
            return str(error)
    runner, deadline = identity(pid), time.monotonic() + _RESUME_SECONDS
    while runner is not None and is_running(runner):
        owner = owner_of(directory)
        if owner is not None and owner.pid == pid:
            return None
        if time.monotonic() >= deadline:
            send(runner, signal.SIGKILL)
            return f"the runner did not take over within {_RESUME_SECONDS:g} s and was stopped"
        time.sleep(_POLL_SECONDS)
    return said(directory / "runner.log") or "`aging resume` ended without a message"


def stop(host: str, key: AttemptKey, scratch: str) -> Look:
    """Stop an attempt as ``aging stop`` does, and look: one that still drains, seals or is analyzed is ``running``.

    A runner that drains is not interrupted again, however often this is called: that would end it at once. One that is
    being started is stopped once it has been; where that takes longer than a minute it is ``starting`` in the answer.
    """
    folder = HostFolder.of(scratch, host)
    attempt = folder.attempt(key)
    seen, started_by = look_at(folder, key), time.monotonic() + _WAIT_SECONDS
    while seen.starting and time.monotonic() < started_by:
        time.sleep(_POLL_SECONDS)
        seen = look_at(folder, key)
    if seen.starting or seen.directory is None or seen.state not in ("running", "abandoned"):
        return seen
    directory = Path(seen.directory)
    owner = owner_of(directory)
    if owner is not None and owner.role == "runner":
        _interrupt(attempt, directory, owner)
        deadline = time.monotonic() + _DRAIN_SECONDS
        while owner_of(directory) is not None and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        return look_at(folder, key)
    return _stop_abandoned(folder, key, directory)


def _interrupt(attempt: AttemptFolder, directory: Path, owner: Owner) -> None:
    """Interrupt a runner that was not interrupted yet, and whose campaign has not ended."""
    runner = f"{owner.pid} {owner.start}"
    state = fold(read_journal(directory / "journal.jsonl"))
    if state.ended is not None or state.phase == "draining" or _just_asked(attempt, runner):
        return
    with contextlib.suppress(OSError):  # on a full disk it is stopped as well
        write_synced(attempt.stopped, runner.encode())
    send(owner.identity, signal.SIGINT)


def _just_asked(attempt: AttemptFolder, runner: str) -> bool:
    """Whether this runner was interrupted so shortly before that its journal need not have it."""
    try:
        age = time.time() - attempt.stopped.stat().st_mtime
        return attempt.stopped.read_text() == runner and age < _UNHEARD_SECONDS
    except OSError:
        return False


def _stop_abandoned(folder: HostFolder, key: AttemptKey, directory: Path) -> Look:
    """End what a killed runner left, with ``aging stop``."""
    attempt = folder.attempt(key)
    with writing(attempt.log):
        log = attempt.log.open("ab")
    with log:
        process = spawn(("stop", str(directory)), attempt.root, (), log.fileno())
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    seen = look_at(folder, key)
    return seen if process.poll() in (None, 0) else replace(seen, why=said(attempt.log))


def discard(host: str, key: AttemptKey, scratch: str) -> None:
    """Remove an attempt that has ended, and folders that it leaves empty. Raises AgingError for one that runs."""
    folder = HostFolder.of(scratch, host)
    attempt = folder.attempt(key)
    cell = attempt.root.parent
    seen = look_at(folder, key)
    if seen.state in ("running", "abandoned"):
        raise AgingError(f"{key}: is {seen.state} on {host}, and is not removed; stop it first")
    with writing(attempt.root):
        if attempt.root.is_dir():  # by its rename at once: half of an attempt would look like a broken one
            attempt.root.rename(attempt.root.with_name(f"{attempt.root.name}.{token_hex(4)}.tmp"))
        for left in cell.glob(f"{attempt.root.name}.*.tmp"):
            shutil.rmtree(left)
    for empty in (cell, cell.parent):
        with contextlib.suppress(OSError):  # not empty, or not there
            empty.rmdir()
