"""Logs of servers: bounded in size, and read from the end."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from aging.core.errors import writing

_TAIL_BYTES = 4096


def rotated_path(log: Path) -> Path:
    """The file that keeps the older part of a truncated log."""
    return log.with_name(f"{log.name}.1")


def truncate_log(log: Path, most: int) -> bool:
    """Empty a log larger than ``most`` bytes, after copying its last ``most // 2`` bytes; return whether it was.

    The server keeps the file open for appending. Output between the copy and the truncation is lost.
    """
    try:
        size = log.stat().st_size
    except FileNotFoundError:  # an attached server logs elsewhere
        return False
    if size <= most:
        return False
    with log.open("r+b") as current:
        try:
            with rotated_path(log).open("wb") as kept:
                current.seek(size - most // 2)
                kept.write(current.read(most // 2))
        finally:  # a disk without room for the copy has no room for the log
            current.truncate(0)
    return True


def tail(log: Path, lines: int = 8) -> list[str]:
    """The last lines of a log, for the journal and for messages."""
    text = b""
    for part in (rotated_path(log), log):
        try:
            with part.open("rb") as written:
                written.seek(max(part.stat().st_size - _TAIL_BYTES, 0))
                text += written.read()
        except OSError:
            continue
    return text.decode(errors="replace").splitlines()[-lines:]


def open_log(log: Path) -> IO[bytes]:
    """Open a log for appending. Raises StorageError."""
    with writing(log):
        return log.open("ab")
