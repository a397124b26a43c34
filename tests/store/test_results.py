"""A result directory is read once: its journal when it is opened, its folders when an analysis asks for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

import aging.store.reader
import aging.store.results
from aging.app.analyze import derive
from aging.core.errors import ResultsError
from aging.serve.directory import campaign_directory
from aging.store.events import Event
from aging.store.frames import Frames
from aging.store.journal import read_journal
from aging.store.results import open_results
from tests.builders import flat, leak, synthetic


def test_journal_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synthetic(tmp_path, {"a": flat})
    read: list[Path] = []

    def counted(path: Path) -> tuple[Event, ...]:
        read.append(path)
        return read_journal(path)

    monkeypatch.setattr(aging.store.results, "read_journal", counted)
    results = open_results(tmp_path)
    assert results.state.phase == "completed"
    assert results.events
    assert len(read) == 1


def test_analysis_reads_each_folder_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synthetic(tmp_path, {"a": flat, "b": leak(5000.0)}, replicas=2, warmup=None)
    folders = {path.parent for path in tmp_path.glob("*/r*/*/*")}
    read: Counter[Path] = Counter()
    segments_read = aging.store.reader._segments_read

    def counted(folder: Path, columns: Sequence[str] | None) -> Iterator[tuple[pa.Table, str | None]]:
        read[folder] += 1
        return segments_read(folder, columns)

    monkeypatch.setattr(aging.store.reader, "_segments_read", counted)
    derive(tmp_path)
    assert {folder: read[folder] for folder in folders} == dict.fromkeys(folders, 1)


def test_frames_are_independent(tmp_path: Path) -> None:
    results = synthetic(tmp_path, {"a": flat})
    first = results.samples("a", "process")
    first["mono"] = 0.0
    first.loc[:, "generation"] = 7
    again = results.samples("a", "process")
    assert again["mono"].min() > 0
    assert set(again["generation"]) == {1}


def test_frame_serves_fewer_columns() -> None:
    frames = Frames()
    frames.put("k", ("a", "b", "absent"), pd.DataFrame({"a": [1.0], "b": [2.0]}))
    found = frames.get("k", ("b", "absent"))
    assert found is not None
    assert list(found) == ["b"]
    assert frames.get("k", ("a", "c")) is None
    assert frames.get("k", None) is None
    assert frames.get("other", ("a",)) is None


def test_frames_evict_least_recent() -> None:
    frames = Frames(capacity=2 * 8000)
    frame = pd.DataFrame({"a": [0.0] * 1000})
    for key in ("one", "two"):
        frames.put(key, None, frame)
    assert frames.get("one", None) is not None
    frames.put("three", None, frame)
    assert [frames.get(key, None) is not None for key in ("one", "two", "three")] == [True, False, True]
    frames.put("one", None, pd.DataFrame({"a": [0.0] * 3000}))  # over the capacity by itself
    assert [frames.get(key, None) is not None for key in ("one", "three")] == [False, True]


@pytest.mark.parametrize("opened", [open_results, campaign_directory])
def test_the_folder_of_a_study_is_named(tmp_path: Path, opened: Callable[[Path], object]) -> None:
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(ResultsError, match="is the folder of a study"):
        opened(tmp_path)
