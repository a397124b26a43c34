"""Sealing: Parquet to a temporary name, fsync, rename, fsync of the folder, and only then the live file goes.

At whichever step it is interrupted, every row is still in the live file, in the
Parquet file, or in both (then the Parquet wins). ``python -m aging.store.sealing
FILE…`` seals the named live files.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from aging.core.errors import StorageError, writing
from aging.store.segments import LIVE, SEALED, batches, left_out, sealed_twin

LEFT_OUT = b"aging.left_out"
"""Key of a Parquet file's metadata: which lines of its live file were not whole. The live file has gone by then."""

_TEMPORARY = ".tmp"
_MOST_TOLD = 4
"""Failures that are told one by one: whoever started this reads them only once it has ended, and a pipe is small."""

_BATCH_ROWS = 20_000
"""As Python objects a row takes kilobytes, as Arrow's columns a hundred bytes."""


def seal(live: Path) -> Path | None:
    """Turn a live file into Parquet beside it; returns the Parquet path, or None for a file without rows.

    Two that seal the same file at the same time, after a kill, do not meet: each writes a file of its own, and
    both are whole.
    """
    spoilt: list[int] = []
    try:
        tables = [arrow_table(rows) for rows in batches(live, _BATCH_ROWS, spoilt)]
    except FileNotFoundError:  # somebody else has sealed it meanwhile
        return None
    if not tables and not spoilt:
        live.unlink(missing_ok=True)
        return None
    table = pa.concat_tables(tables or [pa.table({})], promote_options="permissive")
    if note := left_out(live, spoilt):
        table = table.replace_schema_metadata({LEFT_OUT: note.encode()})
    target = sealed_twin(live)
    temporary = target.with_name(f"{target.name}.{os.getpid()}{_TEMPORARY}")
    try:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
        _fsync(temporary)
        temporary.replace(target)
    except OSError as error:  # no room: the live file stays what it is
        temporary.unlink(missing_ok=True)
        raise StorageError(f"{target} cannot be written: {error.strerror or error}") from error
    _fsync(live.parent)
    live.unlink(missing_ok=True)
    return target


def seal_tree(root: Path) -> None:
    """Seal every live file below ``root`` (nobody may be writing there); clear what interrupted seals left.

    Raises StorageError where there is no room: what is not sealed can be read all the same, and is sealed another time.
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
    """Whether a live file has been sealed: all of it is in a Parquet file that can be read."""
    twin = sealed_twin(live)
    try:
        return twin.exists() and pq.read_metadata(twin).num_rows >= sum(map(len, batches(live, _BATCH_ROWS)))
    except (pa.ArrowInvalid, OSError):  # damaged: it is made again
        return False


def arrow_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as a table with every column that any row has."""
    if not rows:
        return pa.table({})
    columns = dict.fromkeys(key for row in rows for key in row)
    # Arrow takes the columns from the first row alone.
    return pa.Table.from_pylist([dict.fromkeys(columns) | rows[0], *rows[1:]])


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def main(arguments: Sequence[str]) -> None:
    """Seal live files that nobody writes to any more; exit 1 with a line for each that cannot be."""
    os.nice(19)  # every folder's hour ends at once; the servers under test come first
    failures = []
    for live in map(Path, arguments):
        try:
            if live.exists() and not whole_twin(live):
                seal(live)
            else:
                live.unlink(missing_ok=True)
        except OSError as error:  # the others may have room, or lie where one may write
            failures.append(f"{live}: {error.strerror or error}")
    if failures:
        more = [f"and {len(failures) - _MOST_TOLD} more"] if len(failures) > _MOST_TOLD else []
        sys.exit("\n".join([*more, *failures[-_MOST_TOLD:]]))


if __name__ == "__main__":
    main(sys.argv[1:])
