"""Opens a Parquet file by any path."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


@contextmanager
def parquet(path: Path, *, checked: bool = False) -> Iterator[pq.ParquetFile]:
    """A Parquet file, its pages verified if it is ``checked``. Raises OSError, or ArrowInvalid of one that is damaged.

    As text Arrow takes UTF-8 paths alone; a folder may have any name.
    """
    with pa.OSFile(os.fsencode(path)) as file, pq.ParquetFile(file, page_checksum_verification=checked) as opened:
        yield opened
