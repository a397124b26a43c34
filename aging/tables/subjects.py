"""The subjects of a table: the columns that tell them apart, the rows of each, and their times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from aging.core.errors import Mistake, MistakesError
from aging.core.measure import PLAIN
from aging.stats.note import Note
from aging.tables.axis import Found
from aging.tables.cells import Cells
from aging.tables.choice import quoted
from aging.tables.columns import Numbers, identifies
from aging.tables.labels import (
    Group,
    codes_of,
    completing_columns,
    groups_of,
    label_columns,
    mixes,
    numbers_that_label,
    runs_of,
    ticks_of,
    varies,
)
from aging.tables.table import Column, Table
from aging.tables.times import Times

_FEWEST_ROWS = 8
_MOST_SUBJECTS = 0.5
"""Of the rows: with more, a subject has hardly two."""


@dataclass(frozen=True, slots=True)
class Subjects:
    """The rows of each subject (``groups``), the columns that tell them apart, and the axis with times for all rows."""

    labels: tuple[str, ...]
    groups: tuple[Group, ...]
    found: Found
    notes: tuple[Note, ...] = ()


def subjects_of(table: Table, found: Found, numbers: Numbers, per: Sequence[str], source: str) -> Subjects:
    """The subjects of a table; ``per`` are the columns that the user chose to tell them apart.

    Raises MistakesError where these do not: they leave several values at most times, or hardly two of a subject.
    """
    subjects = _subjects(table, found, numbers, per)
    if per and (mistake := _told_badly(table, subjects, numbers)) is not None:
        raise MistakesError(source, [mistake])
    return subjects


def _subjects(table: Table, found: Found, numbers: Numbers, per: Sequence[str]) -> Subjects:
    labels = tuple(per) or _known_labels(table, found) or _labels(table, found, numbers)
    groups = groups_of({name: np.asarray(table.columns[name]) for name in labels})
    if found.times is None:
        return Subjects(labels, tuple(groups), _with_ticks(found, labels, table))
    if found.times.kind == "elapsed":
        runs = [run for group in groups for run in runs_of(group, found.times.seconds[group.rows])]
        if len(runs) > len(groups):
            text = f"The times begin again {len(runs) - len(groups)} times: each run is a series of its own."
            return Subjects(labels, tuple(runs), found, (Note("times_begin_again", text),))
    return Subjects(labels, tuple(groups), found)


def _told_badly(table: Table, subjects: Subjects, numbers: Numbers) -> Mistake | None:
    rows = int(np.asarray(next(iter(table.columns.values()))).size)
    named = ", ".join(subjects.labels)
    if rows >= _FEWEST_ROWS and len(subjects.groups) > _MOST_SUBJECTS * rows:
        what = f"{named} has {len(subjects.groups):,} different values in {rows:,} rows: it is no name of a series"
        return Mistake("--per", f"{what}; name a column whose values come again, like a pod, or leave it out")
    times = subjects.found.times
    mixed = None if times is None else next((one for one in subjects.groups if mixes(one, times.seconds)), None)
    if mixed is None or times is None:
        return None
    chosen = {name: np.asarray(table.columns[name]) for name in subjects.labels}
    others = {name: column for name, column in _texts(table, subjects.found, numbers).items() if name not in chosen}
    missing = completing_columns(chosen, others, times.seconds)
    if not missing:
        return None
    shown = ", ".join(f"{name}={value}" for name, value in mixed.labels.items()) or "it"
    options = " ".join(f"--per {quoted(name)}" for name in (*subjects.labels, *missing))
    what = f"{named} leaves several values at most times ({shown}); {' and '.join(missing)} tells them apart"
    return Mistake("--per", f"{what}: {options}")


def _texts(table: Table, found: Found, numbers: Numbers) -> dict[str, Column]:
    """The columns of text or identifiers, which may tell subjects apart."""
    result: dict[str, Column] = {}
    for name, given in table.columns.items():
        column = np.asarray(given)
        if name in found.columns:
            continue
        text = name in numbers.refused and column.dtype.kind in "OU"
        if text or (name in numbers.cells and identifies(name, numbers.cells[name].values, table)):
            result[name] = column
    return result


def _with_ticks(found: Found, labels: Sequence[str], table: Table) -> Found:
    """With times for rows without: every ``every`` seconds a row, or a row of each subject."""
    if labels:
        told = [codes_of(np.asarray(table.columns[name]))[0] for name in labels]
        ticks = ticks_of(np.unique(np.column_stack(told), axis=0, return_inverse=True)[1].reshape(-1))
    else:
        ticks = np.arange(len(np.asarray(next(iter(table.columns.values())))))
    return replace(found, times=Times(ticks.astype(np.float64) * (found.every or 1.0), "elapsed", anchored=False))


def _known_labels(table: Table, found: Found) -> tuple[str, ...]:
    """Those that the format knows, without what all rows share."""
    return tuple(name for name in table.labels if name not in found.columns and varies(np.asarray(table.columns[name])))


def _labels(table: Table, found: Found, numbers: Numbers) -> tuple[str, ...]:
    """The columns that tell series apart, by their names and by the times."""
    candidates = _texts(table, found, numbers)
    counts: dict[str, Column] = {
        name: cells.values
        for name, cells in numbers.cells.items()
        if name not in candidates and name not in found.columns and _is_whole(cells)
    }
    if found.times is not None:
        seconds = found.times.seconds
        clock = found.times.kind == "clock"
        return label_columns(candidates, seconds, clock=clock) or numbers_that_label(counts, seconds)
    for name, column in (*candidates.items(), *counts.items()):
        if numbers_that_label({name: column}, ticks_of(column).astype(np.float64)):
            return (name,)
    return (
        label_columns(candidates, np.arange(next(iter(candidates.values())).size, dtype=np.float64))
        if candidates
        else ()
    )


def _is_whole(cells: Cells) -> bool:
    return cells.measure == PLAIN and bool(np.all(cells.values == np.floor(cells.values)))
