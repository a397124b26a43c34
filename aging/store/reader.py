"""Reads a segment folder, including the hour that is still being written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from aging.core.records import REQUEST_DEFAULTS
from aging.store.parquet import parquet
from aging.store.sealing import LEFT_OUT, arrow_table
from aging.store.segments import SEALED, live_twin, read_live, sealed_twin, segments

_TYPES = {str: pa.string(), bool: pa.bool_()}


@dataclass(frozen=True, slots=True)
class Rows:
    """A folder's rows as one Arrow table, and a message per file with unreadable rows."""

    table: pa.Table
    trimmed: Sequence[str]


def read_rows(folder: Path, columns: Sequence[str] | None = None, *, checked: bool = False) -> Rows:
    """All rows of a segment folder, oldest first, with those of these columns that exist, or all columns.

    A missing folder has no rows. ``checked`` reads all columns and keeps these, so that damage to any is noticed.
    """
    tables: list[pa.Table] = []
    trimmed: list[str] = []
    for table, note in _segments_read(folder, None if checked else columns):
        if table.num_rows:
            tables.append(table.select(_among(columns, table.column_names)) if checked else table)
        if note:
            trimmed.append(note)
    joined = pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({})
    return Rows(joined, trimmed)


def read_requests(folder: Path, columns: Sequence[str] | None = None, *, checked: bool = False) -> Rows:
    """All request records of a segment folder, with the defaults of the fields that they left out."""
    rows = read_rows(folder, columns, checked=checked)
    return replace(rows, table=_with_defaults(rows.table, columns))


def _with_defaults(requests: pa.Table, columns: Sequence[str] | None) -> pa.Table:
    """Request records with the defaults of the fields that they left out.

    ``columns`` are the requested ones; None stands for all.
    """
    if not requests.num_rows:
        return requests
    for name, default in REQUEST_DEFAULTS.items():
        if columns is not None and name not in columns:
            continue
        kind = _TYPES.get(type(default), pa.string() if name == "failure" else pa.float64())
        if name not in requests.column_names:
            requests = requests.append_column(name, pa.nulls(requests.num_rows, kind))
        if default is not None:
            place = requests.column_names.index(name)
            requests = requests.set_column(place, name, requests[name].cast(kind).fill_null(default))
    return requests


def trimmed_in(folder: Path) -> Sequence[str]:
    """A message per file of a folder with unreadable rows; one file at a time is in memory."""
    return [note for _, note in _segments_read(folder, None) if note]


def _segments_read(folder: Path, columns: Sequence[str] | None) -> Iterator[tuple[pa.Table, str | None]]:
    for path in segments(folder):
        try:
            yield _read_segment_or_twin(path, columns)
        except (pa.ArrowInvalid, OSError) as error:
            reason = str(error).splitlines()[0][:120]
            live = live_twin(path)
            if live == path or not live.exists():
                yield pa.table({}), f"{path.name}: cannot be read and was left out: {reason}"
            else:  # damaged, but its live file still exists
                yield _read_segment(live, columns)


def _read_segment_or_twin(path: Path, columns: Sequence[str] | None) -> tuple[pa.Table, str | None]:
    try:
        return _read_segment(path, columns)
    except FileNotFoundError:  # sealed after the folder was listed: its twin has the rows
        return _read_segment(sealed_twin(path), columns)


def _read_segment(path: Path, columns: Sequence[str] | None) -> tuple[pa.Table, str | None]:
    if path.name.endswith(SEALED):
        with parquet(path, checked=True) as sealed:
            note = (sealed.schema_arrow.metadata or {}).get(LEFT_OUT)
            names = _among(columns, sealed.schema_arrow.names)
            table = sealed.read(names).replace_schema_metadata(None)
            if names and table.num_rows != sealed.metadata.num_rows:  # a page's header has no checksum
                raise pa.ArrowInvalid(f"{table.num_rows} of {sealed.metadata.num_rows} rows could be read")
            return table, None if note is None else note.decode()
    live = read_live(path)
    table = arrow_table(live.rows)
    return table.select(_among(columns, table.column_names)), live.trimmed


def _among(columns: Sequence[str] | None, names: Sequence[str]) -> list[str]:
    return [name for name in names if columns is None or name in columns]
