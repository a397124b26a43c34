"""Files of an attempt on their way into the study's folder."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pytest

from aging.study.collection import RESERVE_BYTES, DamagedCopyError, FullError, collect
from aging.study.fleet import Chunk, File

CONTENT = {"a.txt": b"first", "clean/r1/b.bin": bytes(range(256)) * 40, "empty": b""}
MODIFIED = 1_700_000_000_000_000_000
PIECE = 4096


class Usage(NamedTuple):
    """What :func:`shutil.disk_usage` returns."""

    total: int
    used: int
    free: int


def files(content: Mapping[str, bytes]) -> list[File]:
    return [File(name, len(one), hashlib.sha256(one).hexdigest(), MODIFIED) for name, one in content.items()]


class Source:
    """A host with this content; ``asked`` are the files that were read, ``cut`` the chunks that it does not send."""

    def __init__(self, content: Mapping[str, bytes], cut: int = 0) -> None:
        self.content = content
        self.asked: list[str] = []
        self._cut = cut

    async def read(self, wanted: Sequence[File]) -> AsyncIterator[Chunk]:
        self.asked += [one.path for one in wanted]
        chunks = [
            Chunk(PurePosixPath(one.path), offset, self.content[one.path][offset : offset + PIECE])
            for one in wanted
            for offset in range(0, max(len(self.content[one.path]), 1), PIECE)
        ]
        for chunk in chunks[: len(chunks) - self._cut]:
            yield chunk


def here(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestCollect:
    def test_content_and_time_of_change(self, tmp_path: Path) -> None:
        got = asyncio.run(collect(tmp_path / "a01", files(CONTENT), Source(CONTENT).read, whole=True))
        assert here(tmp_path / "a01") == CONTENT
        assert (got.files, got.copied, got.size) == (3, 3, sum(map(len, CONTENT.values())))
        assert {(tmp_path / "a01" / name).stat().st_mtime_ns for name in CONTENT} == {MODIFIED}

    def test_what_is_here_is_not_copied_again(self, tmp_path: Path) -> None:
        asyncio.run(collect(tmp_path, files(CONTENT), Source(CONTENT).read, whole=False))
        (tmp_path / "a.txt").write_bytes(b"other")
        source = Source(CONTENT)
        got = asyncio.run(collect(tmp_path, files(CONTENT), source.read, whole=True))
        assert source.asked == ["a.txt"]
        assert got.copied == 1
        assert here(tmp_path) == CONTENT

    def test_only_the_whole_removes_what_is_not_of_it(self, tmp_path: Path) -> None:
        (tmp_path / "old").mkdir()
        (tmp_path / "old" / "hour.part").write_bytes(b"x")
        asyncio.run(collect(tmp_path, files(CONTENT), Source(CONTENT).read, whole=False))
        assert (tmp_path / "old").exists()
        asyncio.run(collect(tmp_path, files(CONTENT), Source(CONTENT).read, whole=True))
        assert not (tmp_path / "old").exists()

    @pytest.mark.parametrize("sent", [b"fir5t", b"firs", b"first and more"])
    def test_other_content_is_not_kept(self, tmp_path: Path, sent: bytes) -> None:
        with pytest.raises(DamagedCopyError):
            asyncio.run(collect(tmp_path, files(CONTENT), Source(CONTENT | {"a.txt": sent}).read, whole=True))
        assert here(tmp_path) == {}

    def test_a_stream_that_breaks_off_keeps_whole_files_alone(self, tmp_path: Path) -> None:
        with pytest.raises(DamagedCopyError, match=r"b\.bin"):
            asyncio.run(collect(tmp_path, files(CONTENT), Source(CONTENT, cut=2).read, whole=True))
        assert here(tmp_path) == {"a.txt": b"first"}

    @pytest.mark.parametrize("path", ["/etc/passwd", "../a", "a/../../b", "", "a.part"])
    def test_no_file_outside(self, tmp_path: Path, path: str) -> None:
        with pytest.raises(DamagedCopyError):
            asyncio.run(collect(tmp_path / "a01", [File(path, 0, "")], Source({path: b""}).read, whole=True))
        assert here(tmp_path) == {}

    def test_without_room_nothing_is_asked_for(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        size = sum(map(len, CONTENT.values()))
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**40, 2**40, RESERVE_BYTES + size - 1))
        source = Source(CONTENT)
        with pytest.raises(FullError, match="make room"):
            asyncio.run(collect(tmp_path, files(CONTENT), source.read, whole=True))
        assert source.asked == []
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2**40, 2**40, RESERVE_BYTES + size))
        asyncio.run(collect(tmp_path, files(CONTENT), source.read, whole=True))
        assert here(tmp_path) == CONTENT
