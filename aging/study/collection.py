"""Copies files of an attempt into the study's folder: each is here as a whole and verified, or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from aging.core.errors import AgingError, StorageError, writing
from aging.study.fleet import Chunk, File

PART = ".part"

_TOGETHER_BYTES = 2**20
"""Are written in one go: a file of an hour has a tenth of it, and a campaign of 216 hours has 2,800."""

RESERVE_BYTES = 64 * 2**20
"""Kept free in the folder of results, for the ledger and the findings."""


class DamagedCopyError(AgingError):
    """Content of a file that is not what its host said it was."""


class FullError(StorageError):
    """No room for collected files; they stay on their hosts."""


Read = Callable[[Sequence[File]], AsyncIterator[Chunk]]


@dataclass(frozen=True, slots=True)
class Collected:
    """What is here of an attempt: number of files, and bytes; ``copied`` of them now."""

    files: int
    size: int
    copied: int


async def collect(folder: Path, files: Sequence[File], read: Read, *, whole: bool) -> Collected:
    """Copy the files that are not here yet. ``whole``: they are all of the attempt, and others are removed.

    Raises DamagedCopyError for content of another size or SHA-256, FullError without room, StorageError if a file
    cannot be written, and what ``read`` raises. What was copied before stays.
    """
    for one in files:
        path = PurePosixPath(one.path)
        if path.is_absolute() or ".." in path.parts or not path.parts or path.name.endswith(PART):
            raise DamagedCopyError(f"{one.path!r} is not the path of a file in a result directory")
    wanted = await asyncio.to_thread(_absent, folder, files, sure=whole)
    size = sum(one.size for one in wanted)
    with writing(folder):
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    if wanted and free < size + RESERVE_BYTES:
        raise FullError(f"{folder}: {size:,} bytes are to be collected, and {free:,} are free; make room")
    if wanted:
        await _copy(folder, wanted, read(wanted))
    if whole:
        await asyncio.to_thread(_prune, folder, {one.path for one in files})
    return Collected(len(files), sum(one.size for one in files), len(wanted))


async def _copy(folder: Path, wanted: Sequence[File], chunks: AsyncIterator[Chunk]) -> None:
    """Write the content of ``wanted`` files, which comes in their order."""
    copies = _Copies(folder, wanted)
    try:
        together: list[Chunk] = []
        size = 0
        async for chunk in chunks:
            together.append(chunk)
            size += len(chunk.content)
            if size >= _TOGETHER_BYTES:
                await asyncio.to_thread(copies.add, together)
                together, size = [], 0
        await asyncio.to_thread(copies.add, together)
        copies.check_all_here()
    finally:
        copies.drop()


class _Copies:
    """Files on their way, one after the other. Not from two threads at a time."""

    def __init__(self, folder: Path, wanted: Sequence[File]) -> None:
        self._folder = folder
        self._left = iter(wanted)
        self._copy: _Copy | None = None

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Write chunks. Those files that are complete now are on the disk and in their places."""
        changed: set[Path] = set()
        for chunk in chunks:
            if self._copy is None:
                file = next(self._left, None)
                if file is None:
                    raise DamagedCopyError(f"{self._folder}: got more than was asked for, from {chunk.path} on")
                self._copy = _Copy(self._folder, file)
            if self._copy.add(chunk):
                changed.add(self._copy.path.parent)
                self._copy = None
        with _room(self._folder):
            for folder in changed:
                _sync(folder)

    def check_all_here(self) -> None:
        file = next(self._left, None) if self._copy is None else self._copy.file
        if file is not None:
            raise DamagedCopyError(f"{self._folder / file.path}: its content did not come to its end")

    def drop(self) -> None:
        """Remove what is not complete."""
        if self._copy is not None:
            self._copy.drop()


class _Copy:
    """One file, on its way."""

    def __init__(self, folder: Path, file: File) -> None:
        self.file = file
        self.path = folder / file.path
        self._part = self.path.with_name(self.path.name + PART)
        self._sha256 = hashlib.sha256()
        self._size = 0
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._handle: BinaryIO = self._part.open("wb")

    def add(self, chunk: Chunk) -> bool:
        """Write a chunk; whether the file is complete now, and in its place."""
        if str(chunk.path) != self.file.path or chunk.offset != self._size:
            raise DamagedCopyError(f"{self.path}: expected its bytes from {self._size} on, got {chunk.path}")
        with _room(self.path):
            self._handle.write(chunk.content)
        self._sha256.update(chunk.content)
        self._size += len(chunk.content)
        if self._size < self.file.size:
            return False
        if self._size != self.file.size or self._sha256.hexdigest() != self.file.sha256:
            raise DamagedCopyError(f"{self.path}: the copy has another size or SHA-256 than the file on its host")
        with _room(self.path):
            self._handle.flush()
            os.fsync(self._handle.fileno())
            self._handle.close()
            if self.file.modified is not None:
                os.utime(self._part, ns=(self.file.modified, self.file.modified))
            self._part.replace(self.path)
        return True

    def drop(self) -> None:
        self._handle.close()
        self._part.unlink(missing_ok=True)


@contextmanager
def _room(path: Path) -> Iterator[None]:
    """Turn an OSError of the body into a FullError that names the file."""
    try:
        yield
    except OSError as error:
        raise FullError(f"{path}: cannot be written: {error.strerror or error}") from error


def _absent(folder: Path, files: Sequence[File], *, sure: bool) -> Sequence[File]:
    """The files that are not here; ``sure``: by their content, not by size and time of change alone."""
    return [one for one in files if not _is_here(folder / one.path, one, sure=sure)]


def _is_here(path: Path, file: File, *, sure: bool) -> bool:
    try:
        status = path.stat()
        if status.st_size != file.size:
            return False
        if not sure and status.st_mtime_ns == file.modified:  # it was verified as it came
            return True
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == file.sha256
    except OSError:
        return False


def _prune(folder: Path, names: set[str]) -> None:
    """Remove what is not of the attempt: parts, and files as they were while it ran."""
    with writing(folder):
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_dir() and not path.is_symlink():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path.relative_to(folder).as_posix() not in names:
                path.unlink()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
