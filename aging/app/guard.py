"""Starts a guard in its folder, and shows what one has left there."""

from __future__ import annotations

import asyncio
import os
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from aging.core.errors import ExitCode, ResultsError
from aging.core.openmetrics import Own
from aging.guard.daemon import Guard
from aging.guard.decisions import read_decisions
from aging.guard.exposition import Exported
from aging.guard.options import Guarding, check_command
from aging.guard.state import REARM, StateFolder, read_state
from aging.guard.watch import Say
from aging.store.lock import Lock, owner_of


def folder_of(guarding: Guarding) -> Path:
    """Where a guard keeps its state: as given, that of its systemd unit, or one named after its server."""
    if guarding.options.state is not None:
        return Path(guarding.options.state)
    if given := os.environ.get("STATE_DIRECTORY"):
        return Path(given.partition(":")[0])
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "aging" / "guard" / slug(guarding)


def slug(guarding: Guarding) -> str:
    """A name of its server that a folder and a unit can have."""
    return re.sub(r"[^a-z0-9]+", "-", guarding.label.lower()).strip("-")[:60].strip("-") or "server"


def guard(guarding: Guarding, folder: Path, say: Say) -> ExitCode:
    """Guard until the end. Raises GuardError, LockedError, ClaimedError, ListenError, AttachError, StorageError."""
    check_command(guarding)
    files = StateFolder(folder)
    lock = Lock.take(folder, "guard")
    try:
        return asyncio.run(Guard(guarding, files, say, _version()).run())
    finally:
        lock.close()


def status(folder: Path) -> list[str]:
    """The state of a guard, line by line. Raises ResultsError for a folder without one."""
    state = read_state(folder)
    if state is None:
        raise ResultsError(f"{folder}: no guard has run here; --state DIR names its folder")
    owner = owner_of(folder)
    age = None if state.server is None or state.sampled is None else max(state.sampled - state.server.since, 0.0)
    exported = Exported(state=state, present=age is not None, age=age, own=Own(0.0, 0.0))
    runs = "not running" if owner is None else f"running, pid {owner.pid}"
    last = [_decision(row) for row in read_decisions(folder)][-5:]
    return [f"guard:         {runs}; {folder}", *exported.plain(), *(["last decisions:", *last] if last else [])]


def rearm(folder: Path) -> None:
    """Ask the guard of a folder to arm its policy again. Raises ResultsError for a folder without one."""
    if read_state(folder) is None:
        raise ResultsError(f"{folder}: no guard has run here; --state DIR names its folder")
    (folder / REARM).touch()


def _decision(row: dict[str, object]) -> str:
    from aging.core.format import utc  # noqa: PLC0415 - for this alone

    what = str(row.get("event", "")).removeprefix("rejuvenation_")
    wall = row.get("wall")
    at = f"{utc(wall):%Y-%m-%d %H:%M:%S} UTC" if isinstance(wall, int | float) else ""
    about = [str(row[key]) for key in ("refused", "outcome", "reason", "why") if row.get(key)]
    return f"  {at}  {what}: {'; '.join(about)}"


def _version() -> str:
    try:
        return version("llm-aging")
    except PackageNotFoundError:
        return ""
