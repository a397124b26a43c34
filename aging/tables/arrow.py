"""Columns of pyarrow as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from aging.tables.table import Column


def array_of(column: Any) -> Column:
    """A column of pyarrow as an array: instants with a zone as seconds since the epoch, clocks as text."""
    from pyarrow import types  # noqa: PLC0415 - 50 ms that most files need not

    kind = column.type
    if types.is_dictionary(kind):
        parts = [_of_dictionary(part) for part in column.chunks]
        return np.concatenate(parts) if parts else np.empty(0, dtype=object)
    if types.is_timestamp(kind) and kind.tz is not None:
        instants = column.cast("timestamp[us]").to_numpy()
        return (instants - np.datetime64(0, "us")) / np.timedelta64(1, "s")  # type: ignore[no-any-return]
    if types.is_time(kind):
        return np.array(column.cast("string").to_pylist(), dtype=object)
    if types.is_null(kind):
        return np.full(len(column), None, dtype=object)
    if types.is_boolean(kind) and column.null_count:
        column = column.cast("int8")
    if types.is_decimal(kind):
        column = column.cast("float64")
    if types.is_nested(kind) or types.is_binary(kind):
        return np.array([None if one is None else str(one) for one in column.to_pylist()], dtype=object)
    return column.to_numpy()  # type: ignore[no-any-return]


def _of_dictionary(part: Any) -> Column:
    words = np.array([*(_stripped(word) for word in part.dictionary.to_pylist()), None], dtype=object)
    places = part.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False)
    return words[places]  # type: ignore[no-any-return]


def _stripped(word: Any) -> Any:
    return word.strip() if isinstance(word, str) else word
