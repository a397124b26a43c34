"""Text files as people have them: compressed, with or without a byte-order mark, in UTF-8, UTF-16 or Windows-1252."""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

HEAD_LINES = 200
_LONGEST_LINE = 1 << 20
_FALLBACK = "aging_windows_1252"
_COMPRESSED: dict[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}
_SAMPLE_BYTES = 4096


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error(_FALLBACK, _as_windows_1252)


class UnreadableError(ValueError):
    """A file whose bytes cannot be had; the message is a clause."""


@contextmanager
def opened(path: Path) -> Iterator[IO[str]]:
    """The lines of a text file, decompressed and decoded. Raises UnreadableError, here and while it is read."""
    try:
        with _binary(path) as file, _decoded(file) as text:
            yield text
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror or 'its compressed data are damaged'}") from None
    except (EOFError, zlib.error, lzma.LZMAError):
        raise UnreadableError("cannot be read: its compressed data are damaged or end early") from None
    except UnicodeError:
        raise UnreadableError("cannot be read: it is not text in UTF-8, UTF-16 or Windows-1252") from None


def head_of(path: Path) -> list[str]:
    """The first lines, without their ends. Raises UnreadableError."""
    with opened(path) as text:
        lines = iter(lambda: text.readline(_LONGEST_LINE), "")
        return [line.rstrip("\r\n") for line in islice(lines, HEAD_LINES)]


def is_plain_utf_8(path: Path) -> bool:
    """Whether the bytes are those of the text: not compressed, and not UTF-16."""
    with path.open("rb") as file:
        sample = file.read(_SAMPLE_BYTES)
    return _encoding(sample) == "utf-8-sig" and not any(sample.startswith(magic) for magic in _COMPRESSED)


def _binary(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        magic = file.read(8)
    opener = next((opener for start, opener in _COMPRESSED.items() if magic.startswith(start)), None)
    return cast("IO[bytes]", path.open("rb") if opener is None else opener(path))


def _decoded(file: IO[bytes]) -> TextIOWrapper:
    sample = cast("Any", file).peek(_SAMPLE_BYTES)[:_SAMPLE_BYTES]
    encoding = _encoding(sample)
    errors = _FALLBACK if encoding == "utf-8-sig" else "replace"
    return TextIOWrapper(cast("Any", file), encoding=encoding, errors=errors, newline="")


def _encoding(sample: bytes) -> str:
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(sample) >= 8:
        if sample[1:64:2].count(0) > 0.8 * len(sample[1:64:2]):
            return "utf-16-le"
        if sample[0:64:2].count(0) > 0.8 * len(sample[0:64:2]):
            return "utf-16-be"
    return "utf-8-sig"
