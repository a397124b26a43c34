"""The ledger of a study: one fsynced JSON line per event; the state of the study is the fold of its lines."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from aging.core.errors import ResultsError, StorageError, writing
from aging.store.durable_lines import DurableLines
from aging.study.events import KINDS, HostSeen, StudyEvent

_LOCKED_SECONDS = 60.0
"""How long another writer may take for its line; on a shared file system it may be a host that is slow."""

_POLL_SECONDS = 0.02
_TAIL_BYTES = 64 * 1024


class LostLedgerError(StorageError):
    """A ledger that was removed, replaced or cut while this process wrote it: its further lines would be in no file."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"{path}: {what} while this process wrote it, so nothing more can be recorded; restore {path.parent}"
        )


class Ledger:
    """A writer of ``ledger.jsonl``; an event is on the disk when :meth:`record` returns.

    Writers in several processes, also on hosts that share a file system, take turns: a line is written, and what a
    killed writer left of one is cut, under a lock of the file that the kernel frees when its process ends.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Raises StorageError."""
        self._path = path
        self._clock = clock
        self._last: tuple[int, bytes] | None = None
        self._held = False
        with writing(path):
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            with self.alone():
                self._lines = DurableLines(path)
        except BaseException:
            os.close(self._handle)
            raise

    def record(self, event: StudyEvent) -> StudyEvent:
        """Append one event, stamped now.

        Raises StorageError if the reserve is full, too, and LostLedgerError as :meth:`check` does.
        """
        event = replace(event, wall=self._clock())
        content = (json.dumps({"event": event.KIND} | asdict(event), separators=(",", ":")) + "\n").encode()
        with self.alone():
            begin = os.fstat(self._handle).st_size
            self._lines.append(content)
            self._last = begin, content
        return event

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Be the one writer in the body, of a file that is as it was left and ends with a whole line.

        So what is read in the body is true of what is recorded in it. Raises as :meth:`record` does.
        """
        if self._held:
            yield
            return
        with writing(self._path):
            _lock(self._path, self._handle)
            self._held = True
            try:
                self.check()
                _cut_torn_line(self._handle)
                yield
            finally:
                self._held = False
                fcntl.flock(self._handle, fcntl.LOCK_UN)

    def check(self) -> None:
        """Raise LostLedgerError unless the file still has its name, and the last line of this writer in its place."""
        try:
            named = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise LostLedgerError(self._path, "was removed or moved") from None
        except OSError:  # a file system that does not answer now says nothing of the file
            return
        try:
            mine = os.fstat(self._handle)
            found = b"" if self._last is None else os.pread(self._handle, len(self._last[1]), self._last[0])
        except OSError as error:
            if error.errno == errno.ESTALE:  # as NFS says where another host has replaced it
                raise LostLedgerError(self._path, "was replaced by another file") from None
            return
        if (named.st_dev, named.st_ino) != (mine.st_dev, mine.st_ino):
            raise LostLedgerError(self._path, "was replaced by another file")
        if self._last is not None and found != self._last[1]:
            raise LostLedgerError(self._path, "lost lines, or got others in their place,")

    def close(self) -> None:
        self._lines.close()
        os.close(self._handle)


class LedgerError(ResultsError):
    """A ledger that is missing or damaged: what is known of the study's attempts would be wrong without it."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"{path}: {what}. The ledger says which attempts there are and which of them count, so the study is not "
            "read without it. Restore the file from a copy; where the study's results are a URL, move its local folder "
            "away (it may have files that the store lacks) and run `aging resume URL`. Without a copy: aging analyze "
            f"'{path.parent}/cells/**' judges every collected cell by itself, and `aging status --cluster ADDRESS` "
            "shows which hosts the study still holds"
        )


def read_ledger(path: Path) -> tuple[StudyEvent, ...]:
    """Every event of a ledger, oldest first; an incomplete last line, of a write under way or cut short, is left out.

    Raises :class:`LedgerError` for a file that cannot be read or is empty, and for any other line that is no event.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LedgerError(path, f"cannot be read: {error.strerror}") from None
    lines = content.splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()
    if not lines:
        raise LedgerError(path, "has no line; its first says which study it is of")
    return tuple(_event(path, number, line) for number, line in enumerate(lines, 1))


def _event(path: Path, number: int, line: bytes) -> StudyEvent:
    try:
        row = json.loads(line)
    except ValueError:
        raise LedgerError(path, f"line {number} is not JSON") from None
    name = row.get("event") if isinstance(row, dict) else None
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        said = "has no `event`" if name is None else f"has the `event` {name!r}, which this release does not know"
        raise LedgerError(path, f"line {number} {said}")
    try:
        event: StudyEvent = _reader(kind.KIND).validate_json(line, strict=True)
    except ValidationError as error:
        keys = dict.fromkeys(".".join(map(str, one["loc"])) for one in error.errors())
        raise LedgerError(path, f"line {number} ({name}): {', '.join(keys)} is missing or of a wrong type") from None
    if isinstance(event, HostSeen):
        return replace(event, facts=replace(event.facts, gpus=tuple(event.facts.gpus)))
    return event


@cache
def _reader(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(KINDS[kind])


def _lock(path: Path, handle: int) -> None:
    """Wait for the other writers. Raises StorageError where one does not come to its end."""
    deadline, size = time.monotonic() + _LOCKED_SECONDS, os.fstat(handle).st_size
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        if (now := os.fstat(handle).st_size) != size:  # the others write, in their turn
            deadline, size = time.monotonic() + _LOCKED_SECONDS, now
        if time.monotonic() >= deadline:
            raise StorageError(f"{path}: another process has held its lock for {_LOCKED_SECONDS:.0f} s")
        time.sleep(_POLL_SECONDS)


def _cut_torn_line(handle: int) -> None:
    """Remove what a killed writer left of a line: its event was never on the disk, and only a last line may be torn."""
    size = end = os.fstat(handle).st_size
    while end and os.pread(handle, 1, end - 1) != b"\n":
        before = max(end - _TAIL_BYTES, 0)
        end = before + os.pread(handle, end - before, before).rfind(b"\n") + 1
    if end < size:
        os.ftruncate(handle, end)
