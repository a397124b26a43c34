"""Series from a user's table: its format, its times, the series in it, and what is not judged."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

import aging.tables.formats
from aging.core.errors import Mistake, MistakeCode, MistakesError, require
from aging.core.measure import PLAIN
from aging.core.plugins import discover
from aging.stats.note import Note
from aging.tables.axis import Found, NoAxis, axis_of, example_of, mostly_rises, options_of
from aging.tables.base import Format, NoRowsError
from aging.tables.cells import Cells
from aging.tables.choice import Choice, column_named, unknown_column
from aging.tables.columns import Numbers, counts_up, identifies, measure_by_metric, numbers_of
from aging.tables.extent import extent_of
from aging.tables.labels import (
    WHOLE,
    Group,
    codes_of,
    groups_of,
    label_columns,
    numbers_that_label,
    runs_of,
    ticks_of,
    varies,
)
from aging.tables.limit_columns import with_limits
from aging.tables.names import bare, time_rank
from aging.tables.restarts import restarts_of
from aging.tables.series import Floats, LeftOut, TableReading, TableSeries
from aging.tables.stamps import stamp_of
from aging.tables.table import Column, Table
from aging.tables.text import UnreadableError, head_of
from aging.tables.times import Times, instant_of, seconds_of
from aging.tables.work import along, counts_of, first_of

__all__ = ["Choice", "read", "read_table", "reading_of", "series_of"]

STANDARD_INPUT = "standard input"
_MOST_LISTED = 12
_FALLS_OF_TIMES = 0.05


@dataclass(frozen=True, slots=True)
class _Span:
    """Rows of one subject along the axis.

    ``t`` and ``finite`` (where there is a time) have shape (n,); ``order`` sorts times that are not. ``origin`` was
    subtracted; ``start`` is the same where it counts from the epoch. ``counts`` are those of work.
    """

    group: Group
    t: Floats
    finite: NDArray[np.bool_]
    order: NDArray[np.int64] | None
    start: float | None
    notes: tuple[Note, ...]
    counts: Mapping[str, Mapping[str, Floats]]
    origin: float = 0.0
    restarts: tuple[float, ...] | None = None


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
        table, found = _read([formats[kind]] if kind is not None else _recognizing(formats, head), path)
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


def _read(candidates: Sequence[type[Format]], path: Path) -> tuple[Table, type[Format]]:
    """The table in the first format that has rows of it. Raises ValueError, with what is wrong by the first."""
    missing: NoRowsError | None = None
    for one in candidates:
        try:
            return one.read(path), one
        except NoRowsError as error:
            missing = missing or error
        except ValueError:
            if missing is None:
                raise
    raise missing or ValueError("is empty")


def _recognizing(formats: Mapping[str, type[Format]], head: Sequence[str]) -> list[type[Format]]:
    start = head[0] if head else ""
    if start.startswith("PK\x03\x04"):
        raise ValueError("is an Excel workbook or a ZIP archive; save the sheet as CSV")
    text = "".join(head)[:2000]
    strange = sum(not (one.isprintable() or one.isspace() or one in "\x1b\ufeff") for one in text)
    if strange > 0.1 * len(text) and not start.startswith("PAR1"):
        raise ValueError("is no text; aging reads text tables, logs, JSON and Parquet")
    ordered = sorted(formats.values(), key=lambda one: (one.rank, one.kind))
    return [one for one in ordered if one.recognizes(head)]


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
    asked = _meant(choice.columns_option, choice.columns, names, mistakes)
    per = _meant("--per", choice.labels, names, mistakes)
    found = None
    try:
        options_of(choice)
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
    work = [name for name in per if name in numbers.cells and _counts_work(name, numbers.cells[name].values, table)]
    if len(work) > 1:
        raise MistakesError(source, [Mistake("--per", f"one count is enough, not {', '.join(work)}")])
    per = [name for name in per if name not in work]
    labels = tuple(per) or _known_labels(table, found) or _labels(table, found, numbers)
    groups = groups_of({name: np.asarray(table.columns[name]) for name in labels})
    notes = (*table.notes, *found.notes)
    if found.times is None:
        found = _with_ticks(found, labels, table, names)
    elif found.times.kind == "elapsed":
        runs = [run for group in groups for run in runs_of(group, found.times.seconds[group.rows])]
        if len(runs) > len(groups):
            text = f"The times begin again {len(runs) - len(groups)} times: each run is a series of its own."
            groups, notes = runs, (*notes, Note("times_begin_again", text))
    values = {name: cells.values for name, cells in numbers.cells.items()}
    spans = [_span(group, found, choice.load_start, source, values) for group in groups]
    spans = [replace(span, restarts=_restarts(span, table, values, (*labels, *found.columns))) for span in spans]
    judged = asked or _judged(table, values, labels, spans)
    left_out = () if asked else _left_out(table, numbers, (*labels, *table.labels), used, judged)
    if not judged:
        raise MistakesError(source, [_nothing(_left_out(table, numbers, (), used, ()))])
    beside = _bare_names(table)
    series = tuple(
        one
        for span in spans
        for name in judged
        if (one := _series(name, numbers.cells[name], span, found, table, choice, beside)) is not None
    )
    if work:
        series = tuple(_along(one, work[0], spans, values) for one in series)
    if not series:
        raise MistakesError(source, [Mistake("", "holds no row with a time and a value")])
    notes = (*notes, *(note for cells in numbers.cells.values() for note in cells.notes))
    reading = TableReading(series, left_out, kind, extent_of([span.t for span in spans], found.axis), notes)
    return reading if asked else with_limits(reading)


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


def _with_ticks(found: Found, labels: Sequence[str], table: Table, names: Sequence[str]) -> Found:
    """With times for rows without: every ``every`` seconds a row, or a row of each subject."""
    if labels:
        told = [codes_of(np.asarray(table.columns[name]))[0] for name in labels]
        ticks = ticks_of(np.unique(np.column_stack(told), axis=0, return_inverse=True)[1].reshape(-1))
    else:
        ticks = np.arange(len(np.asarray(table.columns[names[0]])))
    return replace(found, times=Times(ticks.astype(np.float64) * (found.every or 1.0), "elapsed", anchored=False))


def _known_labels(table: Table, found: Found) -> tuple[str, ...]:
    """Those that the format knows, without what all rows share."""
    return tuple(name for name in table.labels if name not in found.columns and varies(np.asarray(table.columns[name])))


def _labels(table: Table, found: Found, numbers: Numbers) -> tuple[str, ...]:
    """The columns that tell series apart, by their names and by the times."""
    candidates: dict[str, Column] = {}
    counts: dict[str, Column] = {}
    for name, given in table.columns.items():
        column = np.asarray(given)
        if name in found.columns:
            continue
        text = name in numbers.refused and column.dtype.kind in "OU"
        if text or (name in numbers.cells and identifies(name, numbers.cells[name].values, table)):
            candidates[name] = column
        elif name in numbers.cells and _is_whole(numbers.cells[name]):
            counts[name] = numbers.cells[name].values
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


def _judged(table: Table, values: Mapping[str, Floats], labels: Sequence[str], spans: Sequence[_Span]) -> list[str]:
    """The columns that measure something; counts of work only where there is nothing else."""
    counted = {name for span in spans for named in span.counts.values() for name in named}
    counts = {
        name
        for name in counted
        if all(
            any(name in named for named in span.counts.values()) or not _any_finite(values[name][span.group.rows])
            for span in spans
        )
    }
    measuring = [
        name
        for name, column in values.items()
        if name not in labels
        and not _is_time(name, column)
        and not identifies(name, column, table)
        and _any_finite(column)
    ]
    return [name for name in measuring if name not in counts] or measuring


def _is_time(name: str, values: Floats) -> bool:
    """Whether a column beside the axis is another of times; one that goes up and down is a measured duration."""
    return time_rank(name) is not None and mostly_rises(values, _FALLS_OF_TIMES)


def _any_finite(values: Floats) -> bool:
    return bool(np.isfinite(values[:100]).any() or np.isfinite(values).any())


def _left_out(
    table: Table, numbers: Numbers, labels: Sequence[str], used: Sequence[str], judged: Sequence[str]
) -> tuple[LeftOut, ...]:
    result = []
    for name, column in table.columns.items():
        if name in labels or name in used or name in judged:
            continue
        if name in numbers.refused:
            reason = numbers.refused[name]
        elif not _any_finite(numbers.cells[name].values):
            reason = "holds no finite values"
        elif _is_time(name, numbers.cells[name].values):
            reason = f"is a time by its name; --column {_quoted(name)} judges it all the same"
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


def _span(group: Group, found: Found, load_start: str | None, source: str, values: Mapping[str, Floats]) -> _Span:
    times = require(found.times, "the times")
    seconds, notes = times.in_order(group.rows)
    finite = np.isfinite(seconds)
    order = None
    if not np.all(seconds[1:] >= seconds[:-1]):  # also where a time is missing
        known = np.flatnonzero(finite)
        if np.any(np.diff(seconds[known]) < 0):
            order = known[np.argsort(seconds[known], kind="stable")]
    origin = float(seconds[finite].min()) if finite.any() else 0.0
    if load_start is not None:
        origin = _start(load_start, times, seconds[finite], source)
    start = origin if times.epoch else None
    return _Span(group, seconds - origin, finite, order, start, notes, counts_of(values, group.rows), origin)


def _start(text: str, times: Times, seconds: Floats, source: str) -> float:
    """The start of load on the axis. Raises MistakesError."""
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        return float(seconds_of(np.array([number]))[0][0]) if times.epoch else number
    instant = instant_of(text)
    stamp = stamp_of(text)
    if instant is None and stamp is None:
        what = f"{text!r} is neither a number of seconds nor an ISO 8601 time"
        raise MistakesError(source, [Mistake("--load-start", what)])
    if times.kind == "clock" and stamp is not None and stamp.day is None:
        first = float(seconds[0]) if seconds.size else 0.0
        return stamp.seconds if stamp.seconds <= first % 86400 or stamp.seconds >= first else stamp.seconds + 86400.0
    if not times.epoch or instant is None:
        what = f"{text!r} is a date, but the file's times count from the start of recording: give seconds"
        raise MistakesError(source, [Mistake("--load-start", what)])
    if times.timezone is not None and "+" not in text and not text.endswith("Z"):
        return float(_local(instant, times)[0])
    return instant


def _local(instant: float, times: Times) -> Floats:
    return Times(np.array([instant]), "local", timezone=times.timezone).in_order(WHOLE)[0]


def _series(  # noqa: PLR0913, PLR0917
    name: str, cells: Cells, span: _Span, found: Found, table: Table, choice: Choice, beside: frozenset[str]
) -> TableSeries | None:
    """One column of one subject; None where another subject alone has this column."""
    rows, labels = span.group.rows, span.group.labels
    t, y = span.t, cells.values[rows]
    measure = cells.measure
    if measure == PLAIN and (known := measure_by_metric(name, labels)) != PLAIN:
        measure, y = known, y * known.factor
    work = first_of(span.counts, name)
    kept = span.finite & np.isfinite(y)
    lost = int(kept.size - np.count_nonzero(kept))
    if lost == kept.size and not isinstance(rows, slice):
        return None
    notes = list(span.notes)
    if lost:
        notes.append(Note("rows_not_finite", f"{lost} of {y.size} rows without a finite time and value are left out."))
    if choice.load_start is not None and (before := int(np.count_nonzero(kept & (span.t < 0)))):
        notes.append(Note("rows_before_load", f"{before} rows before the start of load are left out."))
        kept &= span.t >= 0
    if span.order is not None:
        notes.append(Note("unsorted", "The times were not in order; the series was sorted."))
        chosen: NDArray[Any] | None = span.order[kept[span.order]]
    else:
        chosen = None if kept.all() else kept
    if chosen is not None:
        t, y, work = t[chosen], y[chosen], {kind: counted[chosen] for kind, counted in work.items()}
    return TableSeries(
        column=name,
        t=t,
        y=y,
        notes=tuple(notes),
        origin_assumed=choice.load_start is None,
        work=work,
        labels=labels,
        measure=measure,
        axis=found.axis,
        counter=counts_up(name, labels, y, table.counters, beside),
        start=span.start,
        limit=table.limits.get(name, cells.limit_of(rows)),
        origin=span.origin,
        restarts=span.restarts,
    )


def _restarts(
    span: _Span, table: Table, values: Mapping[str, Floats], others: Sequence[str]
) -> tuple[float, ...] | None:
    rows, labels = span.group.rows, span.group.labels
    beside = _bare_names(table)
    counters = {
        name: each for name, each in values.items() if counts_up(name, labels, each[rows], table.counters, beside)
    }
    return restarts_of(table.columns, counters, rows, span.t, others)


def _bare_names(table: Table) -> frozenset[str]:
    return frozenset(map(bare, table.columns))


def _counts_work(name: str, values: Floats, table: Table) -> bool:
    """Whether a column that ``--per`` names is a cumulative count, not one whose values tell series apart."""
    by_name = counts_up(name, {}, values, table.counters, _bare_names(table))
    return by_name or any(counts_of({name: values}, WHOLE).values())


def _along(one: TableSeries, count: str, spans: Sequence[_Span], values: Mapping[str, Floats]) -> TableSeries:
    """The series along a cumulative count of its rows."""
    span = next(span for span in spans if dict(span.group.labels) == dict(one.labels))
    counted = values[count][span.group.rows]
    known = span.finite & np.isfinite(counted)
    order = np.argsort(span.t[known], kind="stable")
    return along(one, np.interp(one.t, span.t[known][order], counted[known][order]), count)
