"""A study's folder mirrored to an object store: any URL that fsspec knows (``s3://``, ``gs://``, ``file://``).

::

    <results URL>/<study>/<UTC start>/
      study.toml  campaign.toml  study.json  cells/…  findings.json  report.html     at their own paths
      .log/ledger.jsonl/<offset>-<size>-<sha256>     the ledger, in pieces, each written once
      .log/.store.jsonl/<offset>-<size>-<sha256>     path, size and hash of every file that is here as a whole
      .part/<random>                                 uploads under way, and what a killed process left of them

An object store has no append and no lock. So what grows is sent in pieces that are never written again, and a file gets
its own path by a move after all of it has arrived. A reader trusts no object for being there: it takes the files of the
log alone, with the size and the hash that the log has, and a piece of a log alone if its content has the hash of its
name. Files are sent before the line that names them, and these before the lines of the ledger that rely on them.

The folder on the machine that runs the study stays the truth: where a store refuses, nothing is lost but the copy.
All calls block.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib import import_module
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

import fsspec

from aging.core.errors import InputError, MissingPartError, ResultsError, StorageError
from aging.core.whole_file import write_whole
from aging.study.fleet import File
from aging.study.layout import STORE_LOG, StudyLayout

_PART, _INDEX = ".part", ".store.jsonl"
_CHUNK = 4 << 20
_THREADS = 16
"""Files under way at a time: a store answers after 10 to 100 ms, whatever the size."""

_UNFINISHED = (".part", ".tmp")
_INDEXED = 256
"""Files that are sent before the lines that name them: what a killed process sends again is at most these."""

_DERIVED = ("findings.json", "report.html")
"""Files that are written again and again, and that an analysis rebuilds."""

_DRIVERS = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "oss": "ossfs"}


def is_url(text: str) -> bool:
    """Whether results are asked for in a store; else it is a path."""
    scheme, separator, _ = text.partition("://")
    return bool(separator) and scheme.isalnum()


def study_url(results: str, study: str, start: str) -> str:
    """Where a study lies below the results root."""
    return f"{results.rstrip('/')}/{study}/{start}"


@dataclass(frozen=True, slots=True)
class Sent:
    """What one call has sent."""

    files: int = 0
    size: int = 0

    def __add__(self, other: Sent) -> Sent:
        return Sent(self.files + other.files, self.size + other.size)


@dataclass(frozen=True, slots=True)
class _Piece:
    """An object of a log: the bytes ``[offset, offset + size)`` of the file, and their hash."""

    offset: int
    size: int
    sha256: str

    @classmethod
    def of(cls, offset: int, content: bytes) -> _Piece:
        return cls(offset, len(content), hashlib.sha256(content).hexdigest())

    @classmethod
    def named(cls, name: str) -> _Piece | None:
        """The piece of that name; None for any other object."""
        parts = name.split("-")
        if len(parts) != 3 or not (parts[0].isdecimal() and parts[1].isdecimal()):
            return None
        return cls(int(parts[0]), int(parts[1]), parts[2])

    @property
    def name(self) -> str:
        return f"{self.offset:015d}-{self.size}-{self.sha256}"

    @property
    def end(self) -> int:
        return self.offset + self.size


@dataclass(slots=True)
class StudyStore:
    """One study in a store. ``known`` are its files there, by path."""

    url: str
    system: Any
    base: str
    known: dict[str, File] = field(default_factory=dict)
    hashed: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    last: dict[str, _Piece] = field(default_factory=dict)
    pushing: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def open(cls, url: str) -> StudyStore:
        """Open a study's URL, also one that has nothing yet.

        Raises InputError for a URL that fsspec does not know, MissingPartError without its driver, StorageError where
        the store does not answer.
        """
        with _reaching(url):
            system, base = fsspec.core.url_to_fs(url)
            store = cls(url.rstrip("/"), system, base.rstrip("/"))
            content = b"".join(store._log(_INDEX))
        store.known = {one.path: one for one in _index(content, url)}
        return store

    def push(self, root: Path) -> Sent:
        """Send what is new of a study's folder. Raises StorageError; what was not sent is sent by the next call."""
        with self.pushing:
            ledger = StudyLayout(root).ledger
            size = ledger.stat().st_size if ledger.is_file() else 0  # later lines may name files that are not sent yet
            return self.push_files(root) + self.push_ledger(root, size)

    def push_files(self, root: Path) -> Sent:
        """Send every file that is whole and that is not there with its present content."""
        sent = Sent()
        with _reaching(self.url), ThreadPoolExecutor(_THREADS) as threads:
            paths = _whole_files(root)
            while stretch := tuple(islice(paths, _INDEXED)):
                found = [(path, one) for path in stretch if (one := self._file(root, path)) is not None]
                other = [(path, one) for path, one in found if self.known.get(one.path) != one]
                arrived = threads.map(lambda pair: self._send(*pair), other)
                new = [one for (_, one), whole in zip(other, arrived, strict=True) if whole]
                if new:
                    lines = b"".join(json.dumps(asdict(one)).encode() + b"\n" for one in new)
                    self._append(_INDEX, self._end(_INDEX), lines)
                    self.known |= {one.path: one for one in new}
                    sent += Sent(len(new), sum(one.size for one in new))
        return sent

    def push_ledger(self, root: Path, size: int | None = None) -> Sent:
        """Send the whole lines that the ledger has since the last call; a piece each time, so it costs their bytes.

        ``size``: up to which byte of it; by default all.
        Raises StorageError where another process has sent other lines in their place.
        """
        ledger = StudyLayout(root).ledger
        if not ledger.is_file():
            return Sent()
        with _reaching(self.url):
            begin = self._end(ledger.name)
            self._same_before(ledger, begin)
            with ledger.open("rb") as file:
                file.seek(begin)
                content = file.read(-1 if size is None else max(0, size - begin))
            content = content[: content.rfind(b"\n") + 1]
            if content:
                self._append(ledger.name, begin, content)
        return Sent(1 if content else 0, len(content))

    def fetch(self, into: Path) -> Path:
        """Make a study's folder of what is there as a whole; ``into`` may hold a part of it from an earlier call.

        Where the ledger in ``into`` has further lines, what is there is newer, and stays. No process may write there.
        Raises ResultsError where there is no study, where an object is not what the log says, or where the ledger in
        ``into`` has other lines.
        """
        into.mkdir(parents=True, exist_ok=True)
        with _reaching(self.url):
            ledger = b"".join(self._log(StudyLayout(into).ledger.name))
            if not self.known:
                raise ResultsError(f"{self.url}: no study is there; give the URL of one, with its UTC start")
            newer = self._is_newer(StudyLayout(into).ledger, ledger)
            files = [one for one in self.known.values() if not newer or not (into / one.path).exists()]
            with ThreadPoolExecutor(_THREADS) as threads:
                for _ in threads.map(lambda one: self._fetch_file(one, into), files):
                    pass
            if not newer:
                write_whole(StudyLayout(into).ledger, ledger)
        if not StudyLayout(into).exists:
            raise ResultsError(f"{self.url}: has files but no study.json; the study was not sent as a whole")
        return into

    def _file(self, root: Path, path: Path) -> File | None:
        """A file as it is now, its hash computed once for a size and time; None where it is gone."""
        name = path.relative_to(root).as_posix()
        try:
            stat = path.stat()
            seen = self.hashed.get(name)
            if seen is None or seen[:2] != (stat.st_size, stat.st_mtime_ns):
                with path.open("rb") as file:
                    seen = (stat.st_size, stat.st_mtime_ns, hashlib.file_digest(file, "sha256").hexdigest())
                self.hashed[name] = seen
        except FileNotFoundError:
            return None
        return File(name, seen[0], seen[2])

    def _send(self, path: Path, one: File) -> bool:
        """Whether the file arrived as it was hashed; one that changed in that time is left to the next call."""
        part = f"{self.base}/{_PART}/{uuid4().hex}"
        self._folder(part)
        digest = hashlib.sha256()
        with path.open("rb") as file, self.system.open(part, "wb") as there:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                there.write(chunk)
        if digest.hexdigest() != one.sha256 or self.system.size(part) != one.size:
            self.system.rm_file(part)
            self.hashed.pop(one.path, None)
            return False
        self._move(part, f"{self.base}/{one.path}")
        return True

    def _append(self, log: str, offset: int, content: bytes) -> None:
        """Add a piece to a log. Raises StorageError where another process has added one there."""
        piece = _Piece.of(offset, content)
        folder = f"{self.base}/{STORE_LOG}/{log}"
        self.system.invalidate_cache(folder)
        for other in self._pieces(log):
            if other.offset <= offset < other.end and other != piece and self._content(log, other) is not None:
                raise StorageError(f"{self.url}: another process writes {log} of this study; end one of the two")
        part = f"{self.base}/{_PART}/{uuid4().hex}"
        self._folder(part)
        self.system.pipe_file(part, content)
        self._move(part, f"{folder}/{piece.name}")
        self.ends[log], self.last[log] = piece.end, piece

    def _end(self, log: str) -> int:
        """Up to where a log is there as a whole."""
        if log not in self.ends:
            self.ends[log] = sum(map(len, self._log(log)))
        return self.ends[log]

    def _log(self, log: str) -> Iterator[bytes]:
        """The contents of the pieces of a log from its begin on, up to the first that is not there as a whole."""
        end = 0
        for piece in sorted(self._pieces(log), key=lambda one: (one.offset, -one.size)):
            if piece.offset != end:
                continue
            if (content := self._content(log, piece)) is not None:
                end = piece.end
                self.last[log] = piece
                yield content

    def _pieces(self, log: str) -> Sequence[_Piece]:
        try:
            names = self.system.ls(f"{self.base}/{STORE_LOG}/{log}", detail=False)
        except FileNotFoundError:
            return ()
        return [piece for name in names if (piece := _Piece.named(PurePosixPath(name).name)) is not None]

    def _content(self, log: str, piece: _Piece) -> bytes | None:
        """The bytes of a piece; None where they are not all there."""
        try:
            content: bytes = self.system.cat_file(f"{self.base}/{STORE_LOG}/{log}/{piece.name}")
        except FileNotFoundError:
            return None
        return content if _Piece.of(piece.offset, content) == piece else None

    def _same_before(self, ledger: Path, end: int) -> None:
        """Raise StorageError unless the local ledger continues the one that is there."""
        piece = self.last.get(ledger.name)
        if piece is None or piece.end != end:
            return
        with ledger.open("rb") as file:
            file.seek(piece.offset)
            if _Piece.of(piece.offset, file.read(piece.size)) != piece:
                what = f"{self.url}: its ledger has other lines than {ledger}"
                raise StorageError(f"{what}; fetch the study again, or give another results root")

    def _is_newer(self, here: Path, ledger: bytes) -> bool:
        """Whether the ledger that is here has all lines of this one, and more. Raises ResultsError if it has others."""
        try:
            content = here.read_bytes()
        except FileNotFoundError:
            return False
        content = content[: content.rfind(b"\n") + 1]
        if not (content.startswith(ledger) or ledger.startswith(content)):
            what = f"{here}: has other lines than the ledger of {self.url}"
            raise ResultsError(f"{what}; go on with the folder that is right, and move the local one away if it is not")
        return len(content) > len(ledger)

    def _fetch_file(self, one: File, into: Path) -> None:
        path = into / _inside(one.path, self.url)
        if path.is_file() and path.stat().st_size == one.size:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() == one.sha256:
                    return
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        digest = hashlib.sha256()
        try:
            with self.system.open(f"{self.base}/{one.path}", "rb") as there, part.open("wb") as file:
                while chunk := there.read(_CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
        except FileNotFoundError:
            raise ResultsError(f"{self.url}/{one.path}: is in the log and not there; it was removed") from None
        if digest.hexdigest() != one.sha256:
            part.unlink()
            if path.name in _DERIVED:  # a later one arrived, and the line that names it did not
                return
            raise ResultsError(f"{self.url}/{one.path}: its content is not the one that was sent (SHA-256 differs)")
        part.replace(path)

    def _folder(self, path: str) -> None:
        if self.url.partition("://")[0] in _DRIVERS:  # it has no folders, and would make a bucket of a mistyped name
            return
        self.system.makedirs(path.rpartition("/")[0], exist_ok=True)

    def _move(self, part: str, path: str) -> None:
        self._folder(path)
        self.system.mv(part, path)


def fetch(url: str, into: Path) -> Path:
    """The local folder of a study that is in a store, for a resume or an analysis."""
    return StudyStore.open(url).fetch(into)


def _whole_files(root: Path) -> Iterator[Path]:
    """The files of a study but its ledger and lock, and but files that a process still writes; study.json first."""
    layout = StudyLayout(root)
    apart = {layout.ledger, root / "lock"}
    found = [one for one in sorted(root.rglob("*")) if one.is_file() and not one.is_symlink() and one not in apart]
    whole = [one for one in found if not one.name.endswith(_UNFINISHED)]
    return iter(sorted(whole, key=lambda one: one.parent != root))


def _index(content: bytes, url: str) -> Iterator[File]:
    for line in content.splitlines():
        try:
            yield File(**json.loads(line))
        except (ValueError, TypeError):
            raise ResultsError(f"{url}: the log of its files has a line that this release does not read") from None


def _inside(path: str, url: str) -> PurePosixPath:
    """The path, which must not leave the study's folder: the store may be another's."""
    relative = PurePosixPath(path)
    if relative.is_absolute() or ".." in relative.parts:
        raise ResultsError(f"{url}: its log names {path}, which is outside of the study")
    return relative


@contextlib.contextmanager
def _reaching(url: str) -> Iterator[None]:
    """Turn what fsspec and its drivers raise into an error that names the URL."""
    try:
        yield
    except (ResultsError, StorageError):
        raise
    except ImportError as error:
        scheme = url.partition("://")[0]
        driver = _DRIVERS.get(scheme, error.name or "a driver of fsspec")
        raise MissingPartError(f"{url} needs {driver}, not installed here: pip install {driver}") from None
    except ValueError as error:
        known = ", ".join(f"{one}://" for one in ("s3", "gs", "az", "file"))
        raise InputError(f"{url}: {_line(error)}; give a URL of fsspec, such as {known}") from None
    except _failures() as error:
        raise StorageError(f"{url}: the store refuses: {_line(error)}; check its name and your access") from None


def _failures() -> tuple[type[BaseException], ...]:
    """What a store may raise: most drivers raise OSError, that of S3 also errors of botocore where it is loaded."""
    if "botocore" not in sys.modules:
        return (OSError,)
    errors: Mapping[str, Any] = vars(import_module("botocore.exceptions"))
    return (OSError, errors["BotoCoreError"], errors["ClientError"])


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
