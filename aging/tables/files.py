"""Tables: CSV with any usual separator, or Parquet. Columns are arrays by name.

Python's own reader cuts a CSV file, as it did under pandas' ``engine="python"``, so that short rows, quotes and runs
of spaces are read as before. pandas' C engine would be faster on a long file (777,600 rows of four numbers: 0.5 s
against 1.6 s of CPU), but importing pandas costs 0.4 s, and most files are short.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from aging.tables.table import Column

_SEPARATORS = ",;\t| :"
_CHUNK_ROWS = 50_000
_COMPRESSED = {".gz": "gzip", ".bz2": "bz2", ".xz": "lzma"}
_MISSING = {
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"),
    *("NULL", "NaN", "None", "n/a", "nan", "null", None),
}
"""Missing values, as pandas reads them; None where a row was too short."""

_TRUTH = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}


def read_csv(path: Path) -> dict[str, Column]:
    """The columns of a CSV file, with the separator of its first line. Raises OSError, ValueError."""
    try:
        with _opened(path) as file:
            return _columns(file)
    except csv.Error as error:
        raise ValueError(str(error)) from None


def read_parquet(path: Path) -> dict[str, Column]:
    """The columns of a Parquet file, the row numbers that pandas adds left out. Raises OSError, ValueError."""
    from pyarrow import types  # noqa: PLC0415 - it imports pandas for its arrays; a CSV file needs neither
    from pyarrow.parquet import read_table  # noqa: PLC0415

    table = read_table(path)
    names = [name for name in table.column_names if not name.startswith("__index_level_")]
    columns = {name: table[name] for name in names}
    # A dictionary's missing values would come out as its last word (pyarrow 26).
    return {
        name: (one.cast(one.type.value_type) if types.is_dictionary(one.type) else one).to_numpy()
        for name, one in columns.items()
    }


def _opened(path: Path) -> TextIO:
    opener: Callable[..., TextIO] = import_module(_COMPRESSED.get(path.suffix, "io")).open
    return opener(path, "rt", encoding="utf-8-sig", newline="")


def _columns(file: Iterable[str]) -> dict[str, Column]:
    lines = iter(file)
    first = next((line for line in lines if line.strip()), "")
    separator = csv.Sniffer().sniff(first, _SEPARATORS).delimiter
    reader = csv.reader(chain([first], lines), delimiter=separator, skipinitialspace=True, strict=True)
    header = next(reader)
    rows = (row for row in reader if len(row) > 1 or (row and row[0].strip()))
    first_row = next(rows, None)
    if first_row is None:
        return dict.fromkeys(_distinct(header), np.empty(0))
    unnamed = int(len(first_row) == len(header) + 1)  # R writes no name above the names of rows
    width = len(header) + unnamed
    chunks = _chunks(_padded(chain([first_row], rows), width, reader))
    parts = list(zip(*chunks, strict=True))[unnamed:]
    return {name: _joined(part) for name, part in zip(_distinct(header), parts, strict=True)}


def _padded(rows: Iterable[list[str]], width: int, reader: Any) -> Iterator[Sequence[str | None]]:
    for row in rows:
        if len(row) > width:
            raise ValueError(f"Expected {width} fields in line {reader.line_num}, saw {len(row)}")
        yield row if len(row) == width else [*row, *[None] * (width - len(row))]


def _chunks(rows: Iterator[Sequence[str | None]]) -> Iterator[list[Column]]:
    """Columns of some rows at a time: numbers take an eighth of the memory of text."""
    while chunk := list(islice(rows, _CHUNK_ROWS)):
        yield [_array(texts) for texts in zip(*chunk, strict=True)]


def _array(texts: Sequence[Any]) -> Column:
    """Integers, floats (NaN for a missing value) or truth values where all cells are; else text."""
    for kind, read in ((np.int64, int), (np.float64, float), (np.float64, _number), (np.bool_, _TRUTH.__getitem__)):
        try:
            return np.fromiter(map(read, texts), kind, len(texts))
        except (ValueError, TypeError, OverflowError, KeyError):
            continue
    return np.array([None if text in _MISSING else text for text in texts], dtype=object)


def _number(text: Any) -> float:
    return np.nan if text in _MISSING else float(text)


def _joined(parts: Sequence[Column]) -> Column:
    if all(part.dtype.kind != "O" for part in parts):
        return np.concatenate(parts)
    as_texts = [part if part.dtype.kind == "O" else part.astype(str).astype(object) for part in parts]
    return np.concatenate(as_texts)


def _distinct(header: Sequence[str]) -> list[str]:
    """A name for every column: the second of two with the same name is ``name.1``."""
    seen: Counter[str] = Counter()
    names = []
    for name in (name or f"Unnamed: {place}" for place, name in enumerate(header)):
        names.append(f"{name}.{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return names
