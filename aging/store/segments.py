"""Writes segments, with the standard library alone.

A segment folder (``<deployment>/r01/<source>``) has exactly one writer. The current
hour is ``<hour>.live.jsonl``: one JSON object per row, passed to the kernel at every
append, so that a killed process loses at most its last line.
"""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from aging.core.errors import writing
from aging.core.format import hour_name
from aging.core.parts import SEALED as PARQUET
from aging.store.events import Event, Journalize, SealingFailed

LIVE = ".live.jsonl"
SEALED = ".parquet"

_TAIL_BYTES = 64 * 1024
_HOUR_SECONDS = 3600
_SEALING_SECONDS = 10.0
_LOG_LINES = 5

# json.dumps would create an encoder for each row.
_encoded = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode

Row = Mapping[str, Any]


class LineFile:
    """Whole lines appended to a file, by one ``write`` call an append.

    An append that does not fit on the disk is undone, because an incomplete line would damage the next one, too.
    Raises StorageError then.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with writing(path):
            self._file = io.FileIO(path, "a+")
        size = self._file.seek(0, os.SEEK_END)
        if size and os.pread(self._file.fileno(), 1, size - 1) != b"\n":  # its writer was killed
            self.append(b"\n")

    def append(self, lines: bytes) -> None:
        with writing(self._path):
            written = self._file.write(lines)
            if written != len(lines):
                end = self._file.seek(0, os.SEEK_END)  # not as this writer knows it: another one may have appended
                os.ftruncate(self._file.fileno(), end - written)  # takes no room
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def sync(self) -> None:
        """Return when all lines are on the disk."""
        with writing(self._path):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def _ignore_event(_event: Event) -> None:
    """The write end of writers without a journal."""


class Sealer:
    """Seals finished hours by short-lived processes, one at a time.

    So Parquet takes neither time nor memory of the sampling loop or the load client. Files that finish during a seal
    are sealed together by the next one: most of its cost are imports. Files that could not be sealed are journaled as
    ``sealing_failed`` and added to the next seal, but do not start one: on a full disk each would fail alike.
    """

    def __init__(self, record_event: Journalize = _ignore_event) -> None:
        self._record_event = record_event
        self._finished: list[Path] = []
        self._unsealed: list[Path] = []
        self._sealing: list[Path] = []
        self._process: subprocess.Popen[bytes] | None = None

    def add(self, live: Path) -> None:
        """Add a file without a writer; :meth:`start_next` seals it. Without pyarrow it stays as it is."""
        if PARQUET.installed:
            self._finished.append(live)

    def start_next(self) -> None:
        """Start to seal the added files, unless a seal is under way; never waits."""
        if self._process is not None:
            if self._process.poll() is None:
                return
            self._end(self._process)
        if self._finished:
            self._begin()

    def wait(self) -> None:
        """Return when no seal is under way; a seal that takes too long is killed, and its files stay."""
        if self._process is None:
            return
        try:
            self._process.wait(_SEALING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            self._process = None
            self._keep()
        else:
            self._end(self._process)

    def _begin(self) -> None:
        self._sealing = [*self._unsealed, *self._finished]
        self._finished, self._unsealed = [], []
        argv = [sys.executable, "-P", "-m", "aging.store.sealing", *map(str, self._sealing)]
        try:
            # In its own session: Ctrl-C in the runner's terminal must not interrupt it.
            self._process = subprocess.Popen(argv, stderr=subprocess.PIPE, start_new_session=True)
        except OSError as error:
            self._fail(None, [str(error)])

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        _, errors = process.communicate()  # it has ended: its output fits into the pipe
        self._process = None
        if process.returncode != 0:
            self._fail(process.returncode, errors.decode(errors="replace").splitlines()[-_LOG_LINES:])

    def _fail(self, status: int | None, log: Sequence[str]) -> None:
        self._keep()
        self._record_event(SealingFailed(files=len(self._unsealed), exit=status, log=list(log)))

    def _keep(self) -> None:
        self._unsealed = [live for live in self._sealing if live.exists()]


class SegmentWriter:
    """The only writer of a segment folder. ``append`` costs one ``write`` call.

    It never appends to a file of an earlier writer. Writers may share a ``sealer``.
    """

    def __init__(self, folder: Path, sealer: Sealer | None = None) -> None:
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._hour = -1
        self._name = ""
        self._file: LineFile | None = None
        self._sealer = sealer or Sealer()

    def append(self, wall: float, rows: Iterable[Row]) -> None:
        """Write rows of the UTC hour of epoch seconds ``wall``; the first row of a new hour seals the one before."""
        hour = int(wall // _HOUR_SECONDS)
        file = self._file
        if file is None or hour > self._hour:  # a clock that is stepped back stays in the open hour
            file = self._roll(hour)
        file.append("".join([_encoded(row) + "\n" for row in rows]).encode())
        self._sealer.start_next()

    def close(self) -> None:
        """Close the open hour as it is (it is sealed with the whole directory), and wait for a seal under way.

        One that does not come to its end is ended: what it was to seal is sealed with the whole directory, too.
        """
        if self._file is not None:
            self._file.close()
            self._file = None
        self._sealer.wait()

    def _roll(self, hour: int) -> LineFile:
        if self._file is not None:
            self._file.close()
            self._file = None
            self._sealer.add(self._folder / f"{self._name}{LIVE}")
        self._hour, self._name = hour, self._free_name(hour_name(hour * _HOUR_SECONDS))
        self._file = file = LineFile(self._folder / f"{self._name}{LIVE}")
        return file

    def _free_name(self, hour: str) -> str:
        # A later writer may meet an hour that exists already; a suffix keeps the names in order.
        name, part = hour, 1
        while (self._folder / f"{name}{SEALED}").exists() or (self._folder / f"{name}{LIVE}").exists():
            part += 1
            name = f"{hour}.{part:03d}"
        return name


@dataclass(frozen=True, slots=True)
class LiveRows:
    """The rows of a live file, and a message about its incomplete lines."""

    rows: list[dict[str, Any]]
    trimmed: str | None


def read_live(live: Path) -> LiveRows:
    """Read a live file that may still be written to, or whose writer was killed in the middle of a line."""
    incomplete: list[int] = []
    rows = list(_whole(live, incomplete))
    return LiveRows(rows, left_out(live, incomplete))


def batches(live: Path, size: int, incomplete: list[int] | None = None) -> Iterator[list[dict[str, Any]]]:
    """The complete rows of a live file, ``size`` at a time, so that an hour of requests is never in memory at once.

    The numbers of incomplete lines are added to ``incomplete``.
    """
    rows = _whole(live, [] if incomplete is None else incomplete)
    while batch := list(islice(rows, size)):
        yield batch


def left_out(live: Path, incomplete: Sequence[int]) -> str | None:
    """The message about incomplete lines; None if all lines are complete."""
    if not incomplete:
        return None
    count, first = len(incomplete), incomplete[0]
    which = f"line {first} is" if count == 1 else f"{count} lines (the first is line {first}) are"
    return f"{live.name}: {which} incomplete and left out"


def _whole(live: Path, incomplete: list[int]) -> Iterator[dict[str, Any]]:
    with live.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if (row := parse_line(line)) is not None:
                yield row
            else:
                incomplete.append(number)


def last_row(live: Path) -> dict[str, Any] | None:
    """The last complete row of a live file; None without one near its end, or if the file does not exist."""
    try:
        with live.open("rb") as lines:
            lines.seek(max(live.stat().st_size - _TAIL_BYTES, 0))
            tail = lines.read()
    except FileNotFoundError:
        return None
    return next((row for line in reversed(tail.splitlines(keepends=True)) if (row := parse_line(line))), None)


def whole_lines(live: BinaryIO) -> Iterator[bytes]:
    """The complete lines from the file's position on; a line that is still being written is left for the next call."""
    while line := live.readline():
        if not line.endswith(b"\n"):
            live.seek(-len(line), os.SEEK_CUR)
            return
        yield line


def parse_line(line: bytes) -> dict[str, Any] | None:
    """One row, or None for a line that is not a complete JSON object with its newline."""
    if not line.endswith(b"\n"):
        return None
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def sealed_twin(live: Path) -> Path:
    """The Parquet file that a live file becomes."""
    return live.with_name(live.name.removesuffix(LIVE) + SEALED)


def live_twin(sealed: Path) -> Path:
    """The live file that became a Parquet file."""
    return sealed.with_name(sealed.name.removesuffix(SEALED).removesuffix(LIVE) + LIVE)


def segments(folder: Path) -> Iterator[Path]:
    """The files that hold a folder's rows, oldest first; a live file with a sealed twin is skipped.

    Live files are listed first: one that is sealed between the two is in both lists, and never in none.
    """
    live = {path.name.removesuffix(LIVE): path for path in folder.glob(f"*{LIVE}")}
    sealed = {path.name.removesuffix(SEALED): path for path in folder.glob(f"*{SEALED}")}
    for name in sorted(sealed | live):
        yield sealed.get(name) or live[name]
