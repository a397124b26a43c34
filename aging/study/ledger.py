"""The ledger of a study: one fsynced JSON line per event; the state of the study is the fold of its lines."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from aging.core.errors import ResultsError, StorageError, writing
from aging.store.durable_lines import DurableLines
from aging.study.events import KINDS, HostSeen, StudyEvent


class Ledger:
    """The only writer of ``ledger.jsonl``; an event is on the disk when :meth:`record` returns."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        _cut_torn_line(path)
        self._lines = DurableLines(path)
        with writing(path):
            self._file = path.stat()

    def record(self, event: StudyEvent) -> StudyEvent:
        """Append one event, stamped now. Raises StorageError if the reserve is full, too, and LostLedgerError."""
        self.check()
        event = replace(event, wall=self._clock())
        content = (json.dumps({"event": event.KIND} | asdict(event), separators=(",", ":")) + "\n").encode()
        self._lines.append(content)
        return event

    def check(self) -> None:
        """Raise LostLedgerError if its path is gone or has another file: what is written then is kept by no one."""
        try:
            found = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise LostLedgerError(self._path, "was removed or moved") from None
        except OSError:  # a file system that does not answer now says nothing of the file
            return
        if not os.path.samestat(found, self._file):
            raise LostLedgerError(self._path, "was replaced by another file")

    def close(self) -> None:
        self._lines.close()


class LostLedgerError(StorageError):
    """A ledger that was removed or replaced while this process wrote it: its further lines would be in no file."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what} while this process wrote it, so nothing more can be recorded here")


class LedgerError(ResultsError):
    """A ledger that is missing or damaged: what is known of the study's attempts would be wrong without it."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(
            f"{path}: {what}. The ledger says which attempts there are and which of them count, so the study is not "
            "read without it. Restore the file from a copy; where the study's results are a URL, remove its local "
            f"folder and run `aging resume URL`. Without a copy: aging analyze '{path.parent}/cells/**' judges every "
            "collected cell by itself, and `aging status --cluster ADDRESS` shows which hosts the study still holds"
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


def _cut_torn_line(path: Path) -> None:
    """Remove what a killed writer left of a line: its event was never on the disk, and only a last line may be torn."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    if not content.endswith(b"\n"):
        with writing(path):
            os.truncate(path, content.rfind(b"\n") + 1)
