"""Series from a user's table: its format, its times, the series in it, and what is not judged."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

import aging.tables.formats
from aging.core.errors import Mistake, MistakeCode, MistakesError
from aging.core.measure import PLAIN
from aging.core.plugins import discover
from aging.stats.note import Note
from aging.tables.axis import Found, NoAxis, axis_of, example_of
from aging.tables.base import Format
from aging.tables.cells import Cells
from aging.tables.choice import Choice, column_named, unknown_column
from aging.tables.columns import Numbers, counts_up, identifies, measure_by_metric, numbers_of
from aging.tables.extent import extent_of
from aging.tables.labels import WHOLE, Group, groups_of, label_columns
from aging.tables.restarts import restarts_of
from aging.tables.series import Floats, LeftOut, TableReading, TableSeries
from aging.tables.stamps import stamp_of
from aging.tables.table import Column, Table
from aging.tables.text import UnreadableError, head_of
from aging.tables.times import Times, instant_of, seconds_of
from aging.tables.work import along, work_columns, work_of

__all__ = ["Choice", "read", "read_table", "reading_of", "series_of"]

STANDARD_INPUT = "standard input"
_MOST_LISTED = 12


@dataclass(frozen=True, slots=True)
class _Span:
    """Rows of one subject along the axis: ``t`` of shape (n,), and the start that was subtracted, from the epoch."""

    group: Group
    t: Floats
    start: float | None
    notes: tuple[Note, ...]


def read(path: Path, choice: Choice) -> TableReading:
    """The series of a file; ``-`` is standard input. Raises MistakesError with every mistake."""
    if str(path) != "-":
        table, kind = _table(path, str(path), choice.format)
        return reading_of(table, str(path), choice, kind)
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "input"
        with copy.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        table, kind = _table(copy, STANDARD_INPUT, choice.format)
    return reading_of(table, STANDARD_INPUT, choice, kind)


def read_table(path: Path, kind: str | None = None) -> Table:
    """A file in its format, or in that of this ``kind``. Raises MistakesError."""
    return _table(path, str(path), kind)[0]


def _table(path: Path, source: str, kind: str | None) -> tuple[Table, str]:
    formats: Mapping[str, type[Format]] = discover(aging.tables.formats, Format)
    if kind is not None and kind not in formats:
        what = f"no such format: {kind!r}; the formats are: {', '.join(formats)}"
        raise MistakesError(source, [Mistake("--format", what, MistakeCode.UNKNOWN_NAME)])
    try:
        head = head_of(path)
        found = formats[kind] if kind is not None else _recognized(formats, head)
        table = found.read(path)
    except OSError as error:
        what = f"cannot be read: {error.strerror or 'an error of input or output'}"
        raise MistakesError(source, [Mistake("", what, MistakeCode.UNREADABLE_FILE)]) from None
    except UnreadableError as error:
        raise MistakesError(source, [Mistake("", str(error), MistakeCode.UNREADABLE_FILE)]) from None
    except ValueError as error:
        raise MistakesError(source, [Mistake("", str(error))]) from None
    if not table.columns or not all(np.asarray(column).size for column in table.columns.values()):
        raise MistakesError(source, [Mistake("", "has no rows")])
    return table, found.kind


def _recognized(formats: Mapping[str, type[Format]], head: Sequence[str]) -> type[Format]:
    for one in sorted(formats.values(), key=lambda one: (one.rank, one.kind)):
        if one.recognizes(head):
            return one
    raise ValueError("is empty")


def series_of(columns: Any, source: str, choice: Choice) -> list[TableSeries]:
    """The series of a table, of a dict of arrays, or of a data frame. Raises MistakesError."""
    table = columns if isinstance(columns, Table) else Table({str(name): np.asarray(columns[name]) for name in columns})
    return list(reading_of(table, source, choice).series)


def reading_of(table: Table, source: str, choice: Choice, kind: str = "") -> TableReading:
    """The series of a table, by default of every column that measures something.

    Raises MistakesError with every mistake of the table and of the choice.
    """
    names = [str(name) for name in table.columns]
    mistakes: list[Mistake] = []
    chosen_time = _meant("--time", [choice.time] if choice.time else [], names, mistakes)
    asked = _meant("--column", choice.columns, names, mistakes)
    per = _meant("--per", choice.labels, names, mistakes)
    found = None
    try:
        found = (
            axis_of(table, choice, chosen_time[0] if chosen_time else None) if not (choice.time and mistakes) else None
        )
    except NoAxis as error:
        remarks = " ".join(note for note in table.notes if note.code == "no_header")
        mistakes.append(
            Mistake(error.mistake.where, f"{error.mistake.what}. {remarks}".rstrip(". "), error.mistake.code)
        )
    used = (*(found.columns if found else ()), *per)
    others = [name for name in names if name not in used]
    numbers = numbers_of(table, [name for name in names if name in (*asked, *others, *per)], choice.decimal)
    mistakes += [Mistake(name, numbers.refused[name]) for name in asked if name in numbers.refused]
    if found is None or mistakes:
        raise MistakesError(source, mistakes)
    counts = [name for name in per if name in numbers.cells and _counts_work(name, numbers.cells[name].values, table)]
    if len(counts) > 1:
        raise MistakesError(source, [Mistake("--per", f"one count is enough, not {', '.join(counts)}")])
    per = [name for name in per if name not in counts]
    labels = tuple(per) or table.labels or _labels(table, found, numbers)
    groups = groups_of({name: np.asarray(table.columns[name]) for name in labels})
    spans = [
        _span(group, found, choice.load_start, source, len(np.asarray(table.columns[names[0]]))) for group in groups
    ]
    values = {name: cells.values for name, cells in numbers.cells.items()}
    judged = asked or _judged(table, values, labels)
    left_out = () if asked else _left_out(table, numbers, labels, used, judged)
    if not judged:
        raise MistakesError(source, [_nothing(left_out)])
    series = tuple(
        one
        for span in spans
        for name in judged
        if (one := _series(name, numbers.cells[name], span, found, table, values, choice, counts)) is not None
    )
    if not series:
        raise MistakesError(source, [Mistake("", "holds no row with a time and a value")])
    notes = (*table.notes, *found.notes, *(note for cells in numbers.cells.values() for note in cells.notes))
    notes = (*notes, *_without_label(groups, names, table))
    return TableReading(series, left_out, kind, extent_of([span.t for span in spans], found.axis), notes)


def _meant(option: str, asked: Sequence[str], names: Sequence[str], mistakes: list[Mistake]) -> list[str]:
    """The columns that an option names; unknown ones are added to the mistakes."""
    result = []
    for one in asked:
        name = column_named(one, names)
        if name is None:
            mistakes.append(unknown_column(option, one, ", ".join(names)))
        else:
            result.append(name)
    return result


def _labels(table: Table, found: Found, numbers: Numbers) -> tuple[str, ...]:
    if found.times is None:
        return ()
    candidates: dict[str, Column] = {}
    for name, given in table.columns.items():
        column = np.asarray(given)
        if name in found.columns:
            continue
        text = name in numbers.refused and column.dtype.kind in "OU"
        if text or (name in numbers.cells and identifies(name, numbers.cells[name].values, table)):
            candidates[name] = column
    return label_columns(candidates, found.times.seconds, clock=found.times.kind == "clock")


def _judged(table: Table, values: Mapping[str, Floats], labels: Sequence[str]) -> list[str]:
    counts = work_columns(values)
    measuring = [
        name
        for name, column in values.items()
        if name not in labels and not identifies(name, column, table) and bool(np.isfinite(column).any())
    ]
    return [name for name in measuring if name not in counts] or measuring


def _left_out(
    table: Table, numbers: Numbers, labels: Sequence[str], used: Sequence[str], judged: Sequence[str]
) -> tuple[LeftOut, ...]:
    result = []
    for name, column in table.columns.items():
        if name in labels or name in used or name in judged:
            continue
        if name in numbers.refused:
            reason = numbers.refused[name]
        elif not np.isfinite(numbers.cells[name].values).any():
            reason = "holds no finite values"
        elif identifies(name, numbers.cells[name].values, table):
            reason = f"is an identifier or a number of rows; --column {_quoted(name)} judges it all the same"
        else:
            reason = f"counts the work done; --column {_quoted(name)} judges it"
        result.append(LeftOut(name, example_of(np.asarray(column)), reason))
    return tuple(result)


def _quoted(name: str) -> str:
    return name if name.replace("_", "").isalnum() else "'" + name.replace("'", "'\\''") + "'"


def _nothing(left_out: Sequence[LeftOut]) -> Mistake:
    listed = "; ".join(f"{one.column} (like {one.example}) {one.reason}" for one in left_out[:_MOST_LISTED])
    return Mistake("--column", f"no column besides the time measures anything: {listed or 'there is no other column'}")


def _without_label(groups: Sequence[Group], names: Sequence[str], table: Table) -> tuple[Note, ...]:
    size = len(np.asarray(table.columns[names[0]]))
    if any(isinstance(group.rows, slice) for group in groups):
        return ()
    lost = size - sum(group.rows.size for group in groups)
    return (Note("rows_without_label", f"{lost} of {size} rows name no series and are left out."),) if lost else ()


def _span(group: Group, found: Found, load_start: str | None, source: str, size: int) -> _Span:
    if found.times is None:
        count = size if isinstance(group.rows, slice) else group.rows.size
        seconds: Floats = np.arange(count, dtype=np.float64) * (found.every or 1.0)
        origin = 0.0 if load_start is None else _start(load_start, None, seconds, source)
        return _Span(group, seconds - origin, None, ())
    seconds, notes = found.times.in_order(group.rows)
    finite = seconds[np.isfinite(seconds)]
    if load_start is not None:
        origin = _start(load_start, found.times, finite, source)
    else:
        origin = float(finite.min()) if finite.size else 0.0
    return _Span(group, seconds - origin, origin if found.times.epoch else None, notes)


def _start(text: str, times: Times | None, seconds: Floats, source: str) -> float:
    """The start of load on the axis. Raises MistakesError."""
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        return float(seconds_of(np.array([number]))[0][0]) if times is not None and times.epoch else number
    instant = instant_of(text)
    stamp = stamp_of(text)
    if instant is None and stamp is None:
        what = f"{text!r} is neither a number of seconds nor an ISO 8601 time"
        raise MistakesError(source, [Mistake("--load-start", what)])
    if times is not None and times.kind == "clock" and stamp is not None and stamp.day is None:
        first = float(seconds[0]) if seconds.size else 0.0
        return stamp.seconds if stamp.seconds <= first % 86400 or stamp.seconds >= first else stamp.seconds + 86400.0
    if times is None or not times.epoch or instant is None:
        what = f"{text!r} is a date, but the file's times count from the start of recording: give seconds"
        raise MistakesError(source, [Mistake("--load-start", what)])
    if times.timezone is not None and "+" not in text and not text.endswith("Z"):
        return float(_local(instant, times)[0])
    return instant


def _local(instant: float, times: Times) -> Floats:
    return Times(np.array([instant]), "local", timezone=times.timezone).in_order(WHOLE)[0]


def _series(  # noqa: PLR0913, PLR0917
    name: str,
    cells: Cells,
    span: _Span,
    found: Found,
    table: Table,
    values: Mapping[str, Floats],
    choice: Choice,
    per: Sequence[str],
) -> TableSeries | None:
    """One column of one subject, along the count ``per`` if there is one; None where only another subject has it."""
    rows, labels = span.group.rows, span.group.labels
    t, y = span.t, cells.values[rows]
    measure = cells.measure
    if measure == PLAIN and (known := measure_by_metric(name, labels)) != PLAIN:
        measure, y = known, y * known.factor
    work = {one: values[one][rows] for one in per} or work_of(values, name, rows)
    counters = {
        other: each for other, each in values.items() if other != name and counts_up(other, labels, each[rows], table)
    }
    restarts = restarts_of(table.columns, counters, rows, t, (*labels, *found.columns))
    finite = np.isfinite(t) & np.isfinite(y) & np.all([np.isfinite(values[one][rows]) for one in per], axis=0)
    if labels and not finite.any() and np.isfinite(cells.values).any():
        return None
    notes = list(span.notes)
    if lost := int(finite.size - np.count_nonzero(finite)):
        notes.append(Note("rows_not_finite", f"{lost} of {y.size} rows without a finite time and value are left out."))
    early = finite & (t < 0)
    if before := int(np.count_nonzero(early)):
        notes.append(Note("rows_before_load", f"{before} rows before the start of load are left out."))
    if lost or before:
        kept = finite & ~early
        t, y, work = t[kept], y[kept], {kind: counted[kept] for kind, counted in work.items()}
    if np.any(np.diff(t) < 0):
        notes.append(Note("unsorted", "The times were not in order; the series was sorted."))
        order: NDArray[np.int64] = np.argsort(t, kind="stable")
        t, y, work = t[order], y[order], {kind: counted[order] for kind, counted in work.items()}
    series = TableSeries(
        column=name,
        t=t,
        y=y,
        notes=tuple(notes),
        origin_assumed=choice.load_start is None,
        work=work,
        labels=labels,
        measure=measure,
        axis=found.axis,
        counter=counts_up(name, labels, y, table),
        start=span.start,
        limit=table.limits.get(name, cells.limit),
        restarts=restarts,
    )
    return along(series, work[per[0]], per[0]) if per else series


def _counts_work(name: str, values: Floats, table: Table) -> bool:
    """Whether a column that ``--per`` names is a cumulative count, not one whose values tell series apart."""
    return counts_up(name, {}, values, table) or name in work_columns({name: values})
