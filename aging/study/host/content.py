"""The content of an attempt's files, as they were at a look."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from aging.core.errors import AgingError
from aging.study.fleet import AttemptKey, Chunk, File
from aging.study.host.folder import HostFolder

CHUNK_BYTES = 4 * 2**20


class ChangedFileError(AgingError):
    """A file that is not, or no longer, what the look said. A new look has what it is now."""


def read(host: str, key: AttemptKey, scratch: str, files: Sequence[File]) -> Iterator[Chunk]:
    """The content of files in chunks of at most 4 MiB, in order; an empty file is one empty chunk.

    Raises ChangedFileError for a file of another size or SHA-256: for another SHA-256 after its last chunk.
    """
    directory = HostFolder.of(scratch, host).attempt(key).directory()
    if directory is None:
        raise ChangedFileError(f"{key}: has no result directory on {host}")
    for file in files:
        yield from _chunks(directory, file)


def _chunks(directory: Path, file: File) -> Iterator[Chunk]:
    path = PurePosixPath(file.path)
    if path.is_absolute() or ".." in path.parts:
        raise ChangedFileError(f"{file.path}: is not a path in a result directory")
    try:
        handle = os.open(directory / path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise ChangedFileError(f"{directory / path}: cannot be read: {error.strerror}") from None
    with os.fdopen(handle, "rb") as content:
        size = os.fstat(handle).st_size
        if size != file.size:
            raise ChangedFileError(f"{directory / path}: has {size} bytes, and had {file.size} at the look")
        found, offset = hashlib.sha256(), 0
        while offset < size or offset == 0:
            piece = content.read(min(CHUNK_BYTES, size - offset))
            if not piece and size:
                raise ChangedFileError(f"{directory / path}: was cut to {offset} of {size} bytes while it was read")
            found.update(piece)
            yield Chunk(path, offset, piece)
            offset += len(piece)
            if not size:
                break
    if found.hexdigest() != file.sha256:
        raise ChangedFileError(f"{directory / path}: has another SHA-256 than at the look")
