"""Sealing: Parquet to a temporary name, fsync, rename, fsync of the folder, then the live file is deleted.

After an interruption at any step every row is in the live file, in the Parquet file,
or in both (then the Parquet file counts). ``python -m aging.store.sealing
FILE…`` seals the named live files.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from aging.core.errors import StorageError, writing
from aging.store.parquet import parquet
from aging.store.segments import LIVE, SEALED, batches, left_out, sealed_twin

LEFT_OUT = b"aging.left_out"
"""Key of a Parquet file's metadata: which lines of its deleted live file were incomplete."""

_TEMPORARY = ".tmp"
_MAX_MESSAGES = 4
"""Failures that are printed one by one: the parent reads them after the exit, and a pipe is small."""

_BATCH_ROWS = 20_000
"""A row takes kilobytes as Python objects, and 100 bytes in Arrow columns."""


def seal(live: Path) -> Path | None:
    """Turn a live file into Parquet beside it; returns the Parquet path, or None for a file without rows.

    Two processes may seal the same file at the same time, after a kill: each writes its own temporary file, and
    both are complete.
    """
    incomplete: list[int] = []
    try:
        tables = [arrow_table(rows) for rows in batches(live, _BATCH_ROWS, incomplete)]
    except FileNotFoundError:  # another process has sealed it
        return None
    if not tables and not incomplete:
        live.unlink(missing_ok=True)
        return None
    table = pa.concat_tables(tables or [pa.table({})], promote_options="permissive")
    if note := left_out(live, incomplete):
        table = table.replace_schema_metadata({LEFT_OUT: note.encode()})
    target = sealed_twin(live)
    temporary = target.with_name(f"{target.name}.{os.getpid()}{_TEMPORARY}")
    try:
        with temporary.open("wb") as file:  # of a path Arrow takes UTF-8 alone
            pq.write_table(table, file, compression="zstd", write_page_checksum=True)
        _fsync(temporary)
        temporary.replace(target)
    except OSError as error:  # no room: the live file stays
        temporary.unlink(missing_ok=True)
        raise StorageError(f"{target} cannot be written: {error.strerror or error}") from error
    _fsync(live.parent)
    live.unlink(missing_ok=True)
    return target


def seal_tree(root: Path) -> None:
    """Seal every live file below ``root`` (no process may be writing there); delete files of interrupted seals.

    Raises StorageError without room; unsealed files can be read, and are sealed the next time.
    """
    for temporary in root.rglob(f"*{SEALED}*{_TEMPORARY}"):
        temporary.unlink(missing_ok=True)
    for live in sorted(root.rglob(f"*{LIVE}")):
        if whole_twin(live):
            live.unlink(missing_ok=True)
        else:
            seal(live)


def seal_all(root: Path, *, tolerated: bool) -> str | None:
    """:func:`seal_tree` of a campaign that has ended; the reason why not everything was, where that is ``tolerated``.

    Raises StorageError where it is not.
    """
    try:
        with writing(root):
            seal_tree(root)
    except StorageError as error:
        if not tolerated:
            raise
        return str(error)
    return None


def whole_twin(live: Path) -> bool:
    """Whether all rows of a live file are in a readable Parquet file."""
    twin = sealed_twin(live)
    try:
        if not twin.exists():
            return False
        with parquet(twin) as sealed:
            return bool(sealed.metadata.num_rows >= sum(map(len, batches(live, _BATCH_ROWS))))
    except (pa.ArrowInvalid, OSError):  # damaged: seal again
        return False


def arrow_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as a table with every column that any row has."""
    if not rows:
        return pa.table({})
    columns = dict.fromkeys(chain.from_iterable(rows))
    # Arrow takes the columns from the first row alone.
    return pa.Table.from_pylist([dict.fromkeys(columns) | rows[0], *rows[1:]])


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def main(arguments: Sequence[str]) -> None:
    """Seal live files without a writer; exit 1 with a line for each that cannot be sealed."""
    os.nice(19)  # the hours of all folders end at once; the servers under test have priority
    failures = []
    for live in map(Path, arguments):
        try:
            if live.exists() and not whole_twin(live):
                seal(live)
            else:
                live.unlink(missing_ok=True)
        except OSError as error:  # other files may be on another file system
            failures.append(f"{live}: {error.strerror or error}")
    if failures:
        more = [f"and {len(failures) - _MAX_MESSAGES} more"] if len(failures) > _MAX_MESSAGES else []
        sys.exit("\n".join([*more, *failures[-_MAX_MESSAGES:]]))


if __name__ == "__main__":
    main(sys.argv[1:])
