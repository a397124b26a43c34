"""What a guard remembers over its own restarts: `state.json`, replaced as a whole, and `history.json` of a generation.

A file is written beside its place, flushed to the disk, and renamed: a kill at any point leaves the old one or the new.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from aging.core.clock import Stamp, Timeline, boot_id
from aging.core.errors import writing
from aging.guard.history import History
from aging.guard.look import LastLook, Outlook
from aging.rejuvenation.base import Lifetime
from aging.rejuvenation.governor import Past

STATE, HISTORY = "state.json", "history.json"
REARM = "rearm"
"""A file of this name lets a disarmed policy act again; the guard deletes it."""

_MOST_LIFETIMES = 200
_NEVER, _NO_PAST = Stamp(0.0, 0.0), Past()

Stage = Literal["draining", "acting", "returning", "settling"]


@dataclass(frozen=True, slots=True)
class Server:
    """A generation: its main process of this boot, its number, and when it started (UNIX seconds)."""

    pid: int
    start: int
    boot: str
    generation: int
    since: float


@dataclass(frozen=True, slots=True)
class Pending:
    """An action that has begun and not ended. Times are of the guard's clock; ``server`` is the one it began with."""

    stage: Stage
    began: float
    reason: str
    server: Server
    level: float | None = None
    cut: int = 0
    stages: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LastAction:
    """How the last action ended: seconds, bytes that came back, when (UNIX seconds)."""

    outcome: str
    seconds: float
    freed_bytes: float | None
    cut: int
    wall: float


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts since the state began: unplanned restarts, actions by outcome, decisions by what followed."""

    restarts: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    decisions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class State:
    """Everything that outlives the guard's process.

    ``renewed`` is when, by the guard's clock, an action made the present process young again; ``alarm`` is what an
    operator has to look after; ``drained`` is whether an action that failed has left the server out of rotation, and
    ``ended_in_action`` whether the last process ended during an action.
    """

    target: str = ""
    policy: str | None = None
    stamp: Stamp = _NEVER
    boot: str = ""
    shift: float = 0.0
    server: Server | None = None
    renewed: float | None = None
    past: Past = _NO_PAST
    pending: Pending | None = None
    lifetimes: tuple[Lifetime, ...] = ()
    tally: Tally = Tally()
    last: LastAction | None = None
    outlook: Outlook | None = None
    looked: LastLook | None = None
    level: float | None = None
    limit: float | None = None
    indicator: str = ""
    sampled: float | None = None
    alarm: str | None = None
    drained: bool = False
    ended_in_action: bool = False

    def with_lifetime(self, lifetime: Lifetime) -> tuple[Lifetime, ...]:
        """The lifetimes with one more, the oldest left out where they are many."""
        return (*self.lifetimes, lifetime)[-_MOST_LIFETIMES:]

    def timeline(self) -> Timeline:
        """The clock that goes on where that of this state stopped, over a reboot, too."""
        now = Timeline().stamp()
        return Timeline.after(self.stamp, self.shift, now, same_boot=self.boot == boot_id())


_ADAPTER = TypeAdapter(State)


class StateFolder:
    """The folder of one guard. Raises StorageError if it cannot be written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)

    def load(self) -> tuple[State, str | None]:
        """The state, and what is wrong with its file, which is then kept under another name."""
        path = self.folder / STATE
        if (state := read_state(self.folder)) is not None:
            return state, None
        if not path.exists():
            return State(), None
        aside = path.with_suffix(".damaged")
        with writing(path):
            os.replace(path, aside)
        return State(), f"{path} is damaged, and kept as {aside.name}. Budget and failures are taken from the journal"

    def save(self, state: State) -> None:
        """Replace the state; it is on the disk when this returns. Raises StorageError."""
        _replace(self.folder / STATE, _ADAPTER.dump_json(state))

    def load_history(self, server: Server) -> History | None:
        """What was read of this generation before; None where it is of another one, or damaged."""
        try:
            stored = json.loads((self.folder / HISTORY).read_bytes())
            if [stored["pid"], stored["start"], stored["boot"]] == [server.pid, server.start, server.boot]:
                return History.from_json(stored["readings"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        return None

    def save_history(self, server: Server, history: History) -> None:
        """Replace what was read. Raises StorageError."""
        stored = {"pid": server.pid, "start": server.start, "boot": server.boot, "readings": history.as_json()}
        _replace(self.folder / HISTORY, json.dumps(stored, allow_nan=False).encode())

    def rearmed(self) -> bool:
        """Whether an operator asked to arm the policy again; asks only once."""
        try:
            (self.folder / REARM).unlink()
        except OSError:
            return False
        return True


def read_state(folder: Path) -> State | None:
    """The state in a folder; None where there is none, or none that can be read."""
    try:
        state = _ADAPTER.validate_json((folder / STATE).read_bytes())
    except (OSError, ValidationError):
        return None
    return state if state.target else None


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_suffix(".new")
    with writing(path):
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
        try:
            with open(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
