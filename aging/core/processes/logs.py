"""Logs of servers: bounded on disk whatever they print, and their last lines at hand."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from aging.core.errors import writing

_TAIL_BYTES = 4096


def older(log: Path) -> Path:
    """Where the part of a log goes that was written before its newest."""
    return log.with_name(f"{log.name}.1")


def cap(log: Path, most: int) -> bool:
    """Move the newest half of ``most`` bytes aside and empty a log that has outgrown them; whether it had.

    The server goes on writing to the same file, opened for appending. What it
    writes between the copy and the cut is lost.
    """
    try:
        size = log.stat().st_size
    except FileNotFoundError:  # what we only watch logs elsewhere
        return False
    if size <= most:
        return False
    with log.open("r+b") as current:
        try:
            with older(log).open("wb") as kept:
                current.seek(size - most // 2)
                kept.write(current.read(most // 2))
        finally:  # a disk that has no room for the copy has none for the log either
            current.truncate(0)
    return True


def tail(log: Path, lines: int = 8) -> list[str]:
    """The last lines, for the journal and for messages."""
    text = b""
    for part in (older(log), log):
        try:
            with part.open("rb") as written:
                written.seek(max(part.stat().st_size - _TAIL_BYTES, 0))
                text += written.read()
        except OSError:
            continue
    return text.decode(errors="replace").splitlines()[-lines:]


def opened(log: Path) -> IO[bytes]:
    """The log that a life's output is appended to. Raises StorageError."""
    with writing(log):
        return log.open("ab")
