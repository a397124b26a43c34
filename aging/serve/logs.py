"""The end of a server's log for the page: bounded, one file and no link, without control characters."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aging.core.plain_text import lines, shortened

_MOST_BYTES = 16_384
_MOST_LINES = 40
_MOST_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class LogTail:
    """The last lines of a log of ``size`` bytes."""

    size: int
    lines: Sequence[str]


class LogFollower:
    """Reads the end of a log again where it has grown or is another file."""

    def __init__(self) -> None:
        self._known: tuple[object, LogTail | None] = (None, None)

    def tail(self, log: Path) -> LogTail | None:
        """The end of ``log``; None where there is no such file, or where it is a link."""
        try:
            status = os.lstat(log)
        except OSError:
            return None
        of = (log, status.st_ino, status.st_size, status.st_mtime_ns)
        if self._known[0] != of:
            self._known = (of, _read(log))
        return self._known[1]


def _read(log: Path) -> LogTail | None:
    try:
        handle = os.open(log, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # a link out of the directory, or gone
        return None
    with open(handle, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _MOST_BYTES, 0))
        text = file.read(_MOST_BYTES).decode(errors="replace")
    whole = text if size <= _MOST_BYTES else text.partition("\n")[2] or text
    written = [one.rsplit("\r", 1)[-1] for one in whole.replace("\r\n", "\n").split("\n")]  # of a progress bar its end
    shown = [shortened(one, _MOST_CHARACTERS) for one in lines(written[-_MOST_LINES - 1 :])]
    return LogTail(size, shown[:-1][-_MOST_LINES:] if shown and not shown[-1] else shown[-_MOST_LINES:])
