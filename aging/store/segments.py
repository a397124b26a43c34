"""Writing and naming of segments, with the standard library alone.

A segment folder (``<deployment>/r01/<source>``) has exactly one writer. The hour
being written is ``<hour>.live.jsonl``: one JSON object a row, handed to the
kernel at every append, so that a killed process loses at most its last line.
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
from aging.store.events import Event, Journalize, SealingFailed

LIVE = ".live.jsonl"
SEALED = ".parquet"

_TAIL_BYTES = 64 * 1024
_HOUR_SECONDS = 3600
_SEALING_SECONDS = 10.0
_TOLD_LINES = 5

# json.dumps would make one anew for each row.
_encoded = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode

Row = Mapping[str, Any]


class LineFile:
    """Whole lines appended to a file, by one ``write`` call an append.

    What does not fit on the disk is not there at all: a line that was cut short would spoil the next one, too.
    Raises StorageError then.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with writing(path):
            self._file = io.FileIO(path, "a+")
        self._size = self._file.seek(0, os.SEEK_END)
        if self._size and os.pread(self._file.fileno(), 1, self._size - 1) != b"\n":  # its writer was killed
            self.append(b"\n")

    def append(self, lines: bytes) -> None:
        with writing(self._path):
            try:
                written = self._file.write(lines)
                if written != len(lines):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                os.ftruncate(self._file.fileno(), self._size)  # takes no room
                raise
        self._size += len(lines)

    def sync(self) -> None:
        """Return when everything is on the disk."""
        with writing(self._path):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def _unheard(_event: Event) -> None:
    """For writers without a journal."""


class Sealer:
    """Seals finished hours by short-lived processes, one at a time.

    So neither the time nor the memory of Parquet is ever the sampling loop's or the load client's; what finishes while
    one is under way is sealed by the next, together: imports are most of its cost. What one could not seal is told by
    ``tell(SealingFailed(…))`` and is the next one's, too, but begins none: on a full disk each would fail alike.
    """

    def __init__(self, tell: Journalize = _unheard) -> None:
        self._tell = tell
        self._finished: list[Path] = []
        self._unsealed: list[Path] = []
        self._sealing: list[Path] = []
        self._process: subprocess.Popen[bytes] | None = None

    def add(self, live: Path) -> None:
        """A file that nobody writes to any more; it is sealed once :meth:`go_on` is called."""
        self._finished.append(live)

    def go_on(self) -> None:
        """Begin to seal what was added, unless a seal is under way; never waits."""
        if self._process is not None:
            if self._process.poll() is None:
                return
            self._end(self._process)
        if self._finished:
            self._begin()

    def wait(self) -> None:
        """Return when no seal is under way; one that does not come to its end is ended, and leaves what there was."""
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
        argv = [sys.executable, "-m", "aging.store.sealing", *map(str, self._sealing)]
        try:
            # A session of its own: Ctrl-C in the runner's terminal would end it half way.
            self._process = subprocess.Popen(argv, stderr=subprocess.PIPE, start_new_session=True)
        except OSError as error:
            self._fail(None, [str(error)])

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        _, said = process.communicate()  # it has ended: what it said fits into the pipe
        self._process = None
        if process.returncode != 0:
            self._fail(process.returncode, said.decode(errors="replace").splitlines()[-_TOLD_LINES:])

    def _fail(self, status: int | None, log: Sequence[str]) -> None:
        self._keep()
        self._tell(SealingFailed(files=len(self._unsealed), exit=status, log=list(log)))

    def _keep(self) -> None:
        self._unsealed = [live for live in self._sealing if live.exists()]


class SegmentWriter:
    """The one writer of a segment folder. ``append`` costs one ``write`` call.

    It never appends to a file that an earlier writer left. Writers may share a ``sealer``.
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
        self._sealer.go_on()

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
    """The rows of a live file, and what was found not whole in it."""

    rows: list[dict[str, Any]]
    trimmed: str | None


def read_live(live: Path) -> LiveRows:
    """Read a live file that may still be written to, or whose writer was killed in the middle of a line."""
    spoilt: list[int] = []
    rows = list(_whole(live, spoilt))
    return LiveRows(rows, left_out(live, spoilt))


def batches(live: Path, size: int, spoilt: list[int] | None = None) -> Iterator[list[dict[str, Any]]]:
    """The whole rows of a live file, ``size`` at a time: an hour of many requests is never in memory at once.

    The numbers of lines that are not whole are added to ``spoilt``.
    """
    rows = _whole(live, [] if spoilt is None else spoilt)
    while batch := list(islice(rows, size)):
        yield batch


def left_out(live: Path, spoilt: Sequence[int]) -> str | None:
    """What is said of lines that are not whole; None where there are none."""
    if not spoilt:
        return None
    which = f"line {spoilt[0]} is" if len(spoilt) == 1 else f"{len(spoilt)} lines, the first is line {spoilt[0]}, are"
    return f"{live.name}: {which} not whole and left out"


def _whole(live: Path, spoilt: list[int]) -> Iterator[dict[str, Any]]:
    with live.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if (row := parse_line(line)) is not None:
                yield row
            else:
                spoilt.append(number)


def last_row(live: Path) -> dict[str, Any] | None:
    """The last whole row of a live file; None where there is none near its end, or no such file any more."""
    try:
        with live.open("rb") as lines:
            lines.seek(max(live.stat().st_size - _TAIL_BYTES, 0))
            tail = lines.read()
    except FileNotFoundError:
        return None
    return next((row for line in reversed(tail.splitlines(keepends=True)) if (row := parse_line(line))), None)


def whole_lines(live: BinaryIO) -> Iterator[bytes]:
    """The lines from where a file was read to; one that is still being written is left for the next time."""
    while line := live.readline():
        if not line.endswith(b"\n"):
            live.seek(-len(line), os.SEEK_CUR)
            return
        yield line


def parse_line(line: bytes) -> dict[str, Any] | None:
    """One row, or None for a line that is not a whole JSON object with its newline."""
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
    """The live file that a Parquet file was made of."""
    return sealed.with_name(sealed.name.removesuffix(SEALED).removesuffix(LIVE) + LIVE)


def segments(folder: Path) -> Iterator[Path]:
    """The files that hold a folder's rows, oldest first; a live file with a sealed twin is passed over."""
    sealed = {path.name.removesuffix(SEALED): path for path in folder.glob(f"*{SEALED}")}
    live = {path.name.removesuffix(LIVE): path for path in folder.glob(f"*{LIVE}")}
    for name in sorted(sealed | live):
        yield sealed.get(name) or live[name]
