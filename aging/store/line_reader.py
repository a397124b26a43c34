"""Reads a segment folder where pyarrow is not installed: hours as lines of JSON, and no sealed one.

The frames are those of :mod:`aging.store.reader`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from aging.core.parts import SEALED as PARQUET
from aging.store.layout import REQUESTS
from aging.store.segments import SEALED, read_live, segments


@dataclass(frozen=True, slots=True)
class LineRows:
    """A folder's rows, and a message per file with unreadable rows."""

    frame: pd.DataFrame
    trimmed: Sequence[str]


def read_lines(folder: Path, columns: Sequence[str] | None = None) -> LineRows:
    """All rows of a segment folder, oldest first, with those of these columns that exist, or all columns.

    Raises MissingPartError for a sealed hour, and for requests: who sends some has pyarrow.
    """
    frames: list[pd.DataFrame] = []
    trimmed: list[str] = []
    for frame, note in _segments_read(folder):
        if len(frame):
            frames.append(frame)
        if note:
            trimmed.append(note)
    joined = _joined(frames)
    return LineRows(joined[[name for name in joined if columns is None or name in columns]], trimmed)


def trimmed_in(folder: Path) -> Sequence[str]:
    """A message per file of a folder with unreadable rows; one file at a time is in memory."""
    return [note for _, note in _segments_read(folder) if note]


def _segments_read(folder: Path) -> Iterator[tuple[pd.DataFrame, str | None]]:
    for path in segments(folder):
        if path.name.endswith(SEALED) or folder.name == REQUESTS:
            PARQUET.require(str(path))
        try:
            live = read_live(path)
        except OSError as error:
            reason = error.strerror or str(error)
            yield pd.DataFrame(), f"{path.name}: cannot be read and was left out: {reason}"
        else:
            yield pd.DataFrame(live.rows), live.trimmed


def _joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The frames below each other. A column without any value has no type, so it takes that of the others."""
    if not frames:
        return pd.DataFrame()
    names = dict.fromkeys(str(name) for frame in frames for name in frame)
    joined = pd.concat([frame.dropna(axis="columns", how="all") for frame in frames], ignore_index=True)
    empty: dict[str, Any] = {name: pd.Series([None] * len(joined), dtype=object) for name in names}
    return pd.DataFrame({name: joined[name] if name in joined else empty[name] for name in names})
