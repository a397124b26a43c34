"""Series from a user's table: its format, its times, the series in it, and what is not judged."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from aging.core.errors import Mistake, MistakesError
from aging.tables.axis import Found, NoAxis, axis_of, options_of
from aging.tables.choice import Choice
from aging.tables.chosen import Chosen, chosen_of, count_of_work
from aging.tables.columns import Numbers, bare_names, numbers_of
from aging.tables.extent import extent_of
from aging.tables.limit_columns import with_limits
from aging.tables.recognition import table_of
from aging.tables.selection import judged_columns, left_out_columns, nothing_to_judge
from aging.tables.series import TableReading, TableSeries
from aging.tables.spans import along_count, series_in_span, span_of, with_restarts
from aging.tables.subjects import subjects_of
from aging.tables.table import Table

__all__ = ["Choice", "read", "read_table", "reading_of", "series_of"]

STANDARD_INPUT = "standard input"


def read(path: Path, choice: Choice) -> TableReading:
    """The series of a file; ``-`` is standard input. Raises MistakesError with every mistake."""
    if str(path) != "-":
        table, kind = table_of(path, str(path), choice.format)
        return reading_of(table, str(path), choice, kind)
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "input"
        with copy.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        table, kind = table_of(copy, STANDARD_INPUT, choice.format)
    return reading_of(table, STANDARD_INPUT, choice, kind)


def read_table(path: Path, kind: str | None = None) -> Table:
    """A file in its format, or in that of this ``kind``. Raises MistakesError."""
    return table_of(path, str(path), kind)[0]


def series_of(columns: Any, source: str, choice: Choice) -> list[TableSeries]:
    """The series of a table, of a dict of arrays, or of a data frame. Raises MistakesError."""
    table = columns if isinstance(columns, Table) else Table({str(name): np.asarray(columns[name]) for name in columns})
    return list(reading_of(table, source, choice).series)


def reading_of(table: Table, source: str, choice: Choice, kind: str = "") -> TableReading:
    """The series of a table, by default of every column that measures something.

    Raises MistakesError with every mistake of the table and of the choice.
    """
    chosen = chosen_of(choice, [str(name) for name in table.columns])
    found, numbers = _read(table, source, choice, chosen)
    work = count_of_work(chosen.per, numbers, table, source)
    subjects = subjects_of(table, found, numbers, [name for name in chosen.per if name != work], source)
    found = subjects.found
    values = {name: cells.values for name, cells in numbers.cells.items()}
    spans = [
        with_restarts(
            span_of(group, found, choice.load_start, source, values),
            table,
            values,
            (*subjects.labels, *found.columns),
        )
        for group in subjects.groups
    ]
    used = (*found.columns, *chosen.per)
    judged = chosen.columns or judged_columns(table, values, subjects.labels, spans)
    if not judged:
        raise MistakesError(source, [nothing_to_judge(left_out_columns(table, numbers, (), used, ()))])
    labels = (*subjects.labels, *table.labels)
    left_out = () if chosen.columns else left_out_columns(table, numbers, labels, used, judged)
    beside = bare_names(table)
    series = tuple(
        one
        for span in spans
        for name in judged
        if (one := series_in_span(name, numbers.cells[name], span, found, table, choice, beside)) is not None
    )
    if work is not None:
        series = tuple(along_count(one, work, spans, values) for one in series)
    if not series:
        raise MistakesError(source, [Mistake("", "holds no row with a time and a value")])
    of_cells = (note for cells in numbers.cells.values() for note in cells.notes)
    notes = (*table.notes, *found.notes, *subjects.notes, *of_cells)
    reading = TableReading(series, left_out, kind, extent_of([span.t for span in spans], found.axis), notes)
    return reading if chosen.columns else with_limits(reading)


def _read(table: Table, source: str, choice: Choice, chosen: Chosen) -> tuple[Found, Numbers]:
    """The axis, and the columns beside it as numbers. Raises MistakesError with every mistake."""
    mistakes = list(chosen.mistakes)
    found = None
    try:
        options_of(choice)
        if not (choice.time and mistakes):
            found = axis_of(table, choice, chosen.time)
    except NoAxis as error:
        remarks = " ".join(note for note in table.notes if note.code == "no_header")
        what = f"{error.mistake.what}. {remarks}".rstrip(". ")
        mistakes.append(Mistake(error.mistake.where, what, error.mistake.code))
    used = found.columns if found else ()
    asked = (*chosen.columns, *chosen.per)
    numbers = numbers_of(table, [name for name in table.columns if name in asked or name not in used], choice.decimal)
    mistakes += [Mistake(name, numbers.refused[name]) for name in chosen.columns if name in numbers.refused]
    contradicting = [name for name in numbers.contradicting if not chosen.columns]
    mistakes += [Mistake(name, numbers.refused[name]) for name in contradicting]
    if found is None or mistakes:
        raise MistakesError(source, mistakes)
    return found, numbers
