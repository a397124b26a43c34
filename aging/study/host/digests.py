"""Which files of an attempt no process writes any more, and their SHA-256, computed once per content.

A look of 216 hours would otherwise read all of them again. What is known is kept in the attempt's folder, by path, size
and time of the last change.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from aging.store.segments import SEALED
from aging.study.fleet import File
from aging.study.host.folder import AttemptFolder, replace_json

_ONCE = ("campaign.toml", "manifest.json", "gate.json")
"""Written once, before the campaign starts."""

_NEVER = ("lock",)
_TEMPORARY = ".tmp"

Known = dict[str, tuple[int, int, str]]
"""Size, time of the last change (ns) and SHA-256 by path."""


def sealed_files(attempt: AttemptFolder, directory: Path, *, ended: bool) -> tuple[File, ...]:
    """The files of a result directory that no process writes any more, by path: all of them once it has ``ended``."""
    before, now = _read(attempt), {}
    for path, status in _regular(directory):
        name = path.relative_to(directory).as_posix()
        if not (ended or name in _ONCE or name.endswith(SEALED)):
            continue
        size, changed = status.st_size, status.st_mtime_ns
        known = before.get(name)
        with contextlib.suppress(OSError):  # it was replaced in this moment: the next look has it
            sha256 = known[2] if known is not None and known[:2] == (size, changed) else digest(path)
            now[name] = (size, changed, sha256)
    if now != before:
        with contextlib.suppress(OSError):  # a full disk: they are computed again
            replace_json(attempt.digests, now)
    return tuple(File(name, size, sha256, changed) for name, (size, changed, sha256) in sorted(now.items()))


def digest(path: Path) -> str:
    """The SHA-256 of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _regular(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for folder, _, names in os.walk(directory):
        for name in names:
            if name in _NEVER or name.startswith(".") or name.endswith(_TEMPORARY):
                continue
            path = Path(folder) / name
            with contextlib.suppress(FileNotFoundError):
                status = path.lstat()
                if stat.S_ISREG(status.st_mode):
                    yield path, status


def _read(attempt: AttemptFolder) -> Known:
    try:
        known = json.loads(attempt.digests.read_text())
        return {str(name): (int(size), int(changed), str(sha256)) for name, (size, changed, sha256) in known.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
