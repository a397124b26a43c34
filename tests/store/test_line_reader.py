"""Rows read without pyarrow are those that are read with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from pandas.testing import assert_frame_equal

from aging.core.errors import MissingPartError
from aging.core.parts import SEALED, _exists
from aging.store.line_reader import read_lines, trimmed_in
from aging.store.reader import read_rows
from aging.store.sealing import seal
from aging.store.segments import LIVE, Sealer, SegmentWriter

HOUR = 3600.0

ROWS: list[list[dict[str, Any]]] = [
    [
        {"wall": 0.5, "mono": 1.0, "generation": 1, "entity": "tree", "process_count": 1, "missing": None},
        {
            "wall": 1.5,
            "mono": 2.0,
            "generation": 1,
            "entity": "tree",
            "process_count": None,
            "missing": "gone",
        },
    ],
    [
        {"wall": HOUR, "mono": HOUR, "generation": 2, "entity": "tree", "process_count": 2, "never": None},
        {"wall": HOUR, "mono": HOUR, "generation": 2, "entity": "tree", "process_count": 2.5, "late": "word"},
    ],
    [{"wall": 2 * HOUR, "mono": 2 * HOUR, "generation": 2, "entity": "tree", "process_count": 2, "missing": None}],
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Sealer, "add", Mock())
    writer = SegmentWriter(tmp_path / "process")
    for hour, rows in enumerate(ROWS):
        writer.append(hour * HOUR, rows)
    writer.close()
    assert len(list((tmp_path / "process").glob(f"*{LIVE}"))) == len(ROWS)
    return tmp_path / "process"


@pytest.mark.parametrize("columns", [None, ("process_count", "missing", "no such"), ("wall",)])
def test_frames_are_equal(folder: Path, columns: tuple[str, ...] | None) -> None:
    lines = read_lines(folder, columns)
    assert_frame_equal(lines.frame, read_rows(folder, columns).table.to_pandas())
    assert list(lines.trimmed) == []


def test_an_incomplete_line_is_left_out_and_reported(folder: Path) -> None:
    last = max(folder.glob(f"*{LIVE}"))
    last.write_bytes(last.read_bytes() + b'{"wall": 1')
    lines, rows = read_lines(folder), read_rows(folder)
    assert_frame_equal(lines.frame, rows.table.to_pandas())
    assert list(lines.trimmed) == list(rows.trimmed) == list(trimmed_in(folder))
    assert len(lines.trimmed) == 1


def test_no_folder_has_no_rows(tmp_path: Path) -> None:
    assert read_lines(tmp_path / "gone").frame.empty


def test_a_sealed_hour_needs_pyarrow(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seal(min(folder.glob(f"*{LIVE}")))
    monkeypatch.setattr("aging.core.parts._exists", lambda module: module != "pyarrow" and _exists(module))
    with pytest.raises(MissingPartError, match="pyarrow") as caught:
        read_lines(folder)
    assert SEALED.command in str(caught.value)


def test_without_pyarrow_a_finished_hour_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aging.core.parts._exists", lambda module: module != "pyarrow" and _exists(module))
    writer = SegmentWriter(tmp_path / "process")
    for hour, rows in enumerate(ROWS):
        writer.append(hour * HOUR, rows)
    writer.close()
    assert len(list((tmp_path / "process").iterdir())) == len(ROWS)
