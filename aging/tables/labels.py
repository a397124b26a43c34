"""Series in one table: the columns whose values tell them apart, and the rows of each.

Times that repeat are those of several subjects measured at once: the columns that make them unique are the labels.
A column that names subjects (a pod, a process, a GPU) is a label also where times differ: subjects are measured in
turn, or one after another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aging.tables.names import is_instance, is_subject
from aging.tables.series import Floats
from aging.tables.table import Column

Codes = NDArray[np.int64]

_FEW_REPEATS = 0.01
_MOST_LABELS = 3
_MOST_RUNS = 0.2
_COMPLETE = 0.9
_MOST_TRIED = 8
_MOST_SERIES = 10_000
_FEWEST_ROWS = 4
"""Of a subject, on average: below that a column rather names the rows."""


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
    if times.size < 2 or (not codes and bool(np.all(times[1:] > times[:-1]))):
        return 0
    known = np.isfinite(times)
    kept = times[known]
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
    most = min(_MOST_SERIES, size / 2)
    varying = {name: codes for name, (codes, _) in found.items() if 1 < np.unique(codes).size <= most}
    if not varying:
        return ()
    labels: tuple[str, ...] = ()
    shared = repeats(times)
    if shared > _FEW_REPEATS * size:
        for count in range(1, _MOST_LABELS + 1):
            best = _best(varying, times, count, min(_FEW_REPEATS * size, shared / 5))
            if best and not (clock and count == 1 and not _overlap(varying[best[0]], times)):
                labels = best
                break
    subjects = [name for name in varying if (is_subject(name) or (clock and is_instance(name))) and name not in labels]
    for name in sorted(subjects, key=lambda name: -int(varying[name].max())):
        before = _distinct([varying[one] for one in labels])
        after = _distinct([varying[one] for one in (*labels, name)])
        if before < after <= size / _FEWEST_ROWS and len(labels) < _MOST_LABELS:
            labels = (*labels, name)
    return tuple(name for name in varying if name in labels)


def _distinct(codes: Sequence[Codes]) -> int:
    """How many combinations of values there are."""
    return 1 if not codes else np.unique(np.column_stack(codes), axis=0).shape[0]


def _best(varying: Mapping[str, Codes], times: Floats, count: int, most: float) -> tuple[str, ...]:
    """Of the combinations that leave at most so many repeats that which names subjects, with the fewest series."""
    if count > 1:
        varying = {
            name: varying[name] for name in sorted(varying, key=lambda name: not is_instance(name))[:_MOST_TRIED]
        }
    fitting: list[tuple[bool, int, int, int, tuple[str, ...]]] = []
    for names in combinations(varying, count):
        left = repeats(times, [varying[name] for name in names])
        if left <= most:
            series = int(np.prod([int(varying[name].max()) + 1 for name in names]))
            fitting.append((not all(map(is_instance, names)), series, left, len(fitting), names))
    return min(fitting)[-1] if fitting else ()


def mixes(group: Group, times: Floats) -> bool:
    """Whether a group has several rows at most of its times: those of several subjects."""
    known = times[group.rows]
    counts = np.unique(known[np.isfinite(known)], return_counts=True)[1]
    return counts.size >= _FEWEST_ROWS and int(np.count_nonzero(counts > 1)) > counts.size / 2


def completing_columns(
    labels: Mapping[str, Column], candidates: Mapping[str, Column], times: Floats
) -> tuple[str, ...]:
    """The columns that tell rows apart that share time and ``labels``; none where no two do."""
    fixed = [codes_of(column)[0] for column in labels.values()]
    varying = {name: codes_of(column)[0] for name, column in candidates.items()}
    varying = {name: codes for name, codes in varying.items() if 1 < np.unique(codes).size <= times.size / _FEWEST_ROWS}
    varying = {name: varying[name] for name in sorted(varying, key=lambda name: not is_instance(name))[:_MOST_TRIED]}
    most = max(_FEW_REPEATS * times.size, repeats(times, fixed) / 20)
    for count in (1, 2):
        for names in combinations(varying, count):
            if repeats(times, [*fixed, *(varying[name] for name in names)]) <= most:
                return names
    return ()


def _overlap(codes: Codes, times: Floats) -> bool:
    """Whether the clock times of the values overlap: a later day of one subject is no other subject."""
    ranges = [(times[codes == code].min(), times[codes == code].max()) for code in range(min(int(codes.max()) + 1, 50))]
    ranges.sort()
    return any(later[0] <= earlier[1] for earlier, later in pairwise(ranges))


def groups_of(columns: Mapping[str, Column]) -> list[Group]:
    """The rows of each combination of values of ``columns``; one group of all rows without columns.

    A row without one of the values is of a subject without this label.
    """
    if not columns:
        return [Group({}, WHOLE)]
    names = list(columns)
    coded = [codes_of(column) for column in columns.values()]
    combined = np.zeros(coded[0][0].size, dtype=np.int64)
    for codes, words in coded:
        combined = np.unique(combined * (len(words) + 1) + codes + 1, return_inverse=True)[1].astype(np.int64)
    order = np.argsort(combined, kind="stable")
    starts = np.unique(combined[order], return_index=True)[1].tolist()
    result = []
    for start, end in zip(starts, [*starts[1:], order.size], strict=True):
        rows = order[start:end]
        known = {name: codes[rows[0]] for name, (codes, _) in zip(names, coded, strict=True)}
        words_of = {name: words for name, (_, words) in zip(names, coded, strict=True)}
        result.append(Group({name: words_of[name][code] for name, code in known.items() if code >= 0}, rows))
    return sorted(result, key=lambda group: int(group.rows[0]))


def varies(column: Column) -> bool:
    """Whether a column has more than one value, a missing one counted."""
    return np.unique(codes_of(column)[0]).size > 1


def numbers_that_label(candidates: Mapping[str, Column], times: Floats) -> tuple[str, ...]:
    """The first column of numbers of which nearly every value has a row at nearly every time, where times repeat."""
    if repeats(times) <= _FEW_REPEATS * times.size:
        return ()
    moments = np.unique(times[np.isfinite(times)]).size
    for name, column in candidates.items():
        codes, words = codes_of(column)
        complete = times.size >= _COMPLETE * moments * len(words)
        if 1 < len(words) <= times.size / _FEWEST_ROWS and complete and not repeats(times, [codes]):
            return (name,)
    return ()


def ticks_of(column: Column) -> NDArray[np.int64]:
    """For rows without times, how often before each row a subject came again: one more at its second row, and so on."""
    ticks = np.empty(column.size, dtype=np.int64)
    seen: set[int] = set()
    tick = 0
    for row, code in enumerate(codes_of(column)[0].tolist()):
        if code in seen:
            tick += 1
            seen.clear()
        seen.add(code)
        ticks[row] = tick
    return ticks


def runs_of(group: Group, seconds: Floats) -> list[Group]:
    """A group whose times, counted from a start, begin again: one group for each ``run``."""
    steps = np.diff(seconds)
    falls = np.flatnonzero(steps < 0)
    if not 0 < falls.size <= _MOST_RUNS * seconds.size or bool(np.any(seconds[falls + 1] > seconds[falls] / 2)):
        return [group]
    rows = np.arange(seconds.size) if isinstance(group.rows, slice) else group.rows
    parts = np.split(rows, falls + 1)
    return [Group({**group.labels, "run": str(number)}, part) for number, part in enumerate(parts, start=1)]
