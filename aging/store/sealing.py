"""Sealing: Parquet to a temporary name, fsync, rename, fsync of the folder, and only then the live file goes.

At whichever step it is interrupted, every row is still in the live file, in the
Parquet file, or in both (then the Parquet wins). ``python -m aging.store.sealing
FILE…`` seals the named live files.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from aging.store.segments import LIVE, batches, sealed_twin

_BATCH_ROWS = 20_000
"""As Python objects a row takes kilobytes, as Arrow's columns a hundred bytes."""


def seal(live: Path) -> Path | None:
    """Turn a live file into Parquet beside it; returns the Parquet path, or None for a file without rows."""
    tables = [arrow_table(rows) for rows in batches(live, _BATCH_ROWS)]
    if not tables:
        live.unlink()
        return None
    target = sealed_twin(live)
    temporary = target.with_name(target.name + ".tmp")
    pq.write_table(pa.concat_tables(tables, promote_options="permissive"), temporary, compression="zstd")
    _fsync(temporary)
    temporary.replace(target)
    _fsync(live.parent)
    live.unlink()
    return target


def seal_tree(root: Path) -> None:
    """Seal every live file below ``root`` (nobody may be writing there); clear what interrupted seals left."""
    for temporary in root.rglob("*.parquet.tmp"):
        temporary.unlink()
    for live in sorted(root.rglob(f"*{LIVE}")):
        if sealed_twin(live).exists():
            live.unlink()
        else:
            seal(live)


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


if __name__ == "__main__":
    os.nice(19)  # every folder's hour ends at once; the servers under test come first
    for argument in sys.argv[1:]:
        seal(Path(argument))
