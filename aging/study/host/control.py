"""Resumes, stops and removes an attempt on this host."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

from aging.core.errors import AgingError, writing
from aging.store.lock import owner_of
from aging.study.fleet import AttemptKey, Look
from aging.study.host.busy import conflict, ordered, starting
from aging.study.host.folder import AttemptFolder, HostFolder
from aging.study.host.launch import said, spawn
from aging.study.host.looks import look_at
from aging.study.host.priority import PriorityError

_WAIT_SECONDS = 60.0
_RESUME_SECONDS = 180.0
"""Imports, checks, the end of a keeper (at most 60 s) and of the processes that are not re-adopted."""

_STOP_SECONDS = 120.0
"""For the drain, the seal and the analysis; a stop that takes longer goes on, and later looks see its end."""

_POLL_SECONDS = 0.1


def resume(host: str, key: AttemptKey, scratch: str) -> Look:
    """Continue an attempt as ``aging resume`` does; only look where it runs, or cannot be resumed.

    ``why`` of the look says why it could not be resumed.
    """
    folder = HostFolder.of(scratch, host)
    attempt = folder.attempt(key)
    with starting(folder, key, _WAIT_SECONDS) as handle:
        seen = look_at(folder, key)
        if seen.state == "running" or not seen.resumable or seen.directory is None:
            return seen
        if handle is None:
            return replace(seen, why="the host is starting another attempt for longer than a minute; resume it again")
        order = ordered(key, attempt)
        if why := conflict(folder, order):
            return replace(seen, why=why)
        why = _resume(attempt, Path(seen.directory), order.devices)
        seen = look_at(folder, key)
        return seen if why is None or seen.state == "running" else replace(seen, why=why)


def _resume(attempt: AttemptFolder, directory: Path, devices: Sequence[str]) -> str | None:
    """Start the runner; None once it owns the directory, else what it said."""
    with writing(directory):
        log = (directory / "runner.log").open("ab")
    with log:
        try:
            process = spawn(("resume", str(directory)), attempt.root, devices, log.fileno())
        except PriorityError as error:
            return str(error)
    deadline = time.monotonic() + _RESUME_SECONDS
    while process.poll() is None:
        owner = owner_of(directory)
        if owner is not None and owner.pid == process.pid:
            return None
        if time.monotonic() >= deadline:
            process.kill()
            process.wait()
            return f"the runner did not take over within {_RESUME_SECONDS:g} s and was stopped"
        time.sleep(_POLL_SECONDS)
    return said(directory / "runner.log") or f"`aging resume` exited {process.returncode} without a message"


def stop(host: str, key: AttemptKey, scratch: str) -> Look:
    """Stop an attempt as ``aging stop`` does, and look. One that takes longer than two minutes is still ``running``."""
    folder = HostFolder.of(scratch, host)
    attempt = folder.attempt(key)
    seen = look_at(folder, key)
    if seen.directory is None or seen.state not in ("running", "abandoned"):
        return seen
    with writing(attempt.log):
        log = attempt.log.open("ab")
    with log:
        process = spawn(("stop", seen.directory), attempt.root, (), log.fileno())
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    seen = look_at(folder, key)
    failed = process.poll() not in (None, 0)
    return replace(seen, why=said(attempt.log)) if failed and seen.state in ("running", "abandoned") else seen


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
