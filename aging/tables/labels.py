"""Series in one table: the columns whose values tell them apart, and the rows of each.

Times that repeat are those of several subjects measured at once: the columns that make them unique are the labels.
Times that do not repeat beside the name of a host or run that changes are those of one subject after another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aging.tables.names import bare, is_instance
from aging.tables.series import Floats
from aging.tables.table import Column

Codes = NDArray[np.int64]

_FEW_REPEATS = 0.01
_MOST_LABELS = 3
_MOST_SERIES = 10_000
_LATER = frozenset(("host", "hostname", "node", "run", "run_id", "name"))
"""Names whose change over time is a change of the subject; a change of a ``state`` or a ``phase`` is none.

One process or pod after another is one subject that was restarted (:mod:`aging.tables.restarts`).
"""


@dataclass(frozen=True, slots=True)
class Group:
    """The rows of one subject, in the order of the file."""

    labels: Mapping[str, str]
    rows: Any


WHOLE = slice(None)


def codes_of(column: Column) -> tuple[Codes, list[str]]:
    """A number for every distinct value, -1 where there is none, and the values as text in their order."""
    if column.dtype.kind in "biuf":
        values, codes = np.unique(column, return_inverse=True)
        words = [_text(value) for value in values.tolist()]
        codes = codes.astype(np.int64)
        if column.dtype.kind == "f" and np.isnan(values).any():
            codes[np.isnan(column)] = -1
        return codes, words
    numbers: dict[str, int] = {}
    result = np.fromiter(
        (-1 if cell is None else numbers.setdefault(_text(cell), len(numbers)) for cell in column.tolist()),
        np.int64,
        column.size,
    )
    return result, list(numbers)


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def repeats(times: Floats, codes: Sequence[Codes] = ()) -> int:
    """How many rows share their time, and their labels, with an earlier one."""
    known = np.isfinite(times)
    kept = times[known]
    if kept.size < 2 or (not codes and bool(np.all(np.diff(kept) > 0))):
        return 0
    combined = np.unique(kept, return_inverse=True)[1].astype(np.int64)
    for code in codes:
        one = code[known] + 1
        combined = np.unique(combined * (int(one.max(initial=0)) + 1) + one, return_inverse=True)[1].astype(np.int64)
    return int(kept.size - np.unique(combined).size)


def label_columns(candidates: Mapping[str, Column], times: Floats, *, clock: bool = False) -> tuple[str, ...]:
    """The names of the columns that tell series apart, in the order of the file; none for one series.

    ``clock``: times are times of the day, which may come again on the next one.
    """
    size = times.size
    found = {name: codes_of(column) for name, column in candidates.items()}
    varying = {name: codes for name, (codes, words) in found.items() if 1 < len(words) <= min(_MOST_SERIES, size / 2)}
    if not varying:
        return ()
    shared = repeats(times)
    if shared > _FEW_REPEATS * size:
        for count in range(1, _MOST_LABELS + 1):
            best = _best(varying, times, count, min(_FEW_REPEATS * size, shared / 5))
            if best and not (clock and count == 1 and not _overlap(varying[best[0]], times)):
                return best
    for name, codes in varying.items():
        if bare(name) in _LATER or (clock and is_instance(name)):
            changes = int(np.count_nonzero(np.diff(codes)))
            if changes == len(found[name][1]) - 1:
                return (name,)
    return ()


def _best(varying: Mapping[str, Codes], times: Floats, count: int, most: float) -> tuple[str, ...]:
    """Of the combinations that leave at most so many repeats that which names subjects, with the fewest series."""
    fitting: list[tuple[bool, int, int, int, tuple[str, ...]]] = []
    for names in combinations(varying, count):
        left = repeats(times, [varying[name] for name in names])
        if left <= most:
            series = int(np.prod([int(varying[name].max()) + 1 for name in names]))
            fitting.append((not all(map(is_instance, names)), series, left, len(fitting), names))
    return min(fitting)[-1] if fitting else ()


def _overlap(codes: Codes, times: Floats) -> bool:
    """Whether the clock times of the values overlap: a later day of one subject is no other subject."""
    ranges = [(times[codes == code].min(), times[codes == code].max()) for code in range(min(int(codes.max()) + 1, 50))]
    ranges.sort()
    return any(later[0] <= earlier[1] for earlier, later in pairwise(ranges))


def groups_of(columns: Mapping[str, Column]) -> list[Group]:
    """The rows of each combination of values of ``columns``; one group of all rows without columns.

    Rows without one of the values belong to none.
    """
    if not columns:
        return [Group({}, WHOLE)]
    names = list(columns)
    coded = [codes_of(column) for column in columns.values()]
    combined = coded[0][0]
    missing = combined < 0
    for codes, words in coded[1:]:
        missing |= codes < 0
        combined = combined * (len(words) + 1) + codes
    combined = np.where(missing, -1, combined)
    order = np.argsort(combined, kind="stable")
    keys, starts = np.unique(combined[order], return_index=True)
    ends = [*starts[1:].tolist(), order.size]
    result = []
    for key, start, end in zip(keys.tolist(), starts.tolist(), ends, strict=True):
        if key < 0:
            continue
        rows = order[start:end]
        labels = {name: words[codes[rows[0]]] for name, (codes, words) in zip(names, coded, strict=True)}
        result.append(Group(labels, rows))
    return sorted(result, key=lambda group: int(group.rows[0]))
