"""The folders of a host: ``<scratch>/<host>/<study>/<cell>/aNN/``.

::

    <scratch>/<host>/disk                  a random id: another one means that the disk was lost
    <scratch>/<host>/lock                  held while an attempt is being started, also by the process that starts it
    <scratch>/<host>/<study>/<cell>/aNN/   one attempt, working folder of its campaign
      order.json  campaign.toml  …         what was asked; the campaign and its input files
      start.log  refused                   output of the start; why it could not start
      digests.json                         SHA-256 of files that no process writes any more
      results/<campaign>/<UTC start>/      its result directory
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from secrets import token_hex

from aging.core.errors import InputError, writing
from aging.core.whole_file import write_synced, write_whole
from aging.store.manifest_file import is_smoke
from aging.study.fleet import AttemptKey

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:+=,-]*")
_SLASH = "@"
"""Stands for the slash of a study's id in the name of its folder."""

_ATTEMPT = re.compile(r"a(\d{2,})")


@dataclass(frozen=True, slots=True)
class AttemptFolder:
    """The paths of one attempt on its host."""

    root: Path

    @property
    def order(self) -> Path:
        return self.root / "order.json"

    @property
    def campaign(self) -> Path:
        return self.root / "campaign.toml"

    @property
    def log(self) -> Path:
        return self.root / "start.log"

    @property
    def refused(self) -> Path:
        return self.root / "refused"

    @property
    def digests(self) -> Path:
        return self.root / "digests.json"

    @property
    def stopped(self) -> Path:
        """Which runner was asked to stop: a second interrupt would end its campaign at once."""
        return self.root / "stopped"

    @property
    def results(self) -> Path:
        return self.root / "results"

    def directory(self) -> Path | None:
        """Its result directory; None before it is made. A smoke run's is none."""
        found = sorted(journal.parent for journal in self.results.glob("*/*/journal.jsonl"))
        return next((one for one in reversed(found) if not is_smoke(one)), None)


@dataclass(frozen=True, slots=True)
class HostFolder:
    """The folder of one host. ``study`` keeps its layout wherever ``scratch`` is a folder that hosts share."""

    root: Path

    @classmethod
    def of(cls, scratch: str, host: str) -> HostFolder:
        """Raises InputError for a name that is no folder."""
        return cls(Path(scratch).expanduser().absolute() / _named("host", host))

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    def attempt(self, key: AttemptKey) -> AttemptFolder:
        """The folder of an attempt, there or not. Raises InputError for names that are no folders."""
        study = _SLASH.join(_named("study", part) for part in key.study.split("/"))
        cell = self.root / study / _named("cell", key.cell)
        return AttemptFolder(cell / f"a{key.number:02d}")

    def attempts(self) -> Iterator[tuple[AttemptKey, AttemptFolder]]:
        """Every attempt of every study on this host."""
        for folder in sorted(self.root.glob("*/*/a[0-9]*")):
            if (number := _ATTEMPT.fullmatch(folder.name)) is not None:
                study, cell = folder.parts[-3:-1]
                yield AttemptKey(study.replace(_SLASH, "/"), cell, int(number[1])), AttemptFolder(folder)

    def disk(self) -> str:
        """The random id of this disk, made if it has none. Raises StorageError."""
        path = self.root / "disk"
        with writing(path):
            self.root.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f"disk.{os.getpid()}.{token_hex(4)}.tmp")
            if not path.exists():
                write_synced(temporary, token_hex(16).encode())
                with contextlib.suppress(FileExistsError):  # another process was faster
                    os.link(temporary, path)
                temporary.unlink(missing_ok=True)
            return path.read_text().strip()


def checked_files(paths: Sequence[str]) -> str | None:
    """Why these are not relative paths of files in an attempt's folder; None if they are."""
    taken = ("campaign.toml", "order.json", "start.log", "refused", "digests.json", "stopped", "results")
    for path in paths:
        parts = PurePosixPath(path).parts
        if not parts or PurePosixPath(path).is_absolute() or ".." in parts or "\0" in path:
            return f"files: {path!r} is not a path below the folder of the study file; move the file there"
        if parts[0] in taken:
            return f"files: {path!r} has the name of a file of the attempt; rename it"
    return None


def replace_json(path: Path, content: object) -> None:
    """Write JSON, whole or not at all."""
    write_whole(path, json.dumps(content).encode())


def _named(what: str, name: str) -> str:
    if _NAME.fullmatch(name) is None:
        raise InputError(f"{what} {name!r} cannot name a folder; use letters, digits and . _ - : + = ,")
    return name
