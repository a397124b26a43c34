"""Parquet, as pandas, Polars, Spark and DuckDB write it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.tables.arrow import array_of
from aging.tables.base import Format
from aging.tables.table import Table


class Parquet(Format):
    """A Parquet file."""

    kind: ClassVar[str] = "parquet"
    title: ClassVar[str] = "Parquet"
    made_by: ClassVar[str] = "`frame.to_parquet(PATH)`"
    rank: ClassVar[int] = 1

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        return bool(head) and head[0].startswith("PAR1")

    @classmethod
    def read(cls, path: Path) -> Table:
        from pyarrow import ArrowException, types  # noqa: PLC0415 - 0.2 s that a file of another format needs not
        from pyarrow.parquet import read_table  # noqa: PLC0415

        try:
            table = read_table(path)
            kinds = {name: table[name].type for name in table.column_names}
            names = [
                name
                for name, kind in kinds.items()
                if not name.startswith("__index_level_") or types.is_timestamp(kind)
            ]
            columns = {name.replace("__index_level_0__", "index"): array_of(table[name]) for name in names}
        except (ArrowException, OSError, ValueError, NotImplementedError):
            raise ValueError(
                "is Parquet by its first bytes, but is damaged, or has columns that cannot be read"
            ) from None
        return Table(columns)
