"""Text tables: CSV, TSV, semicolons, pipes, columns set apart by blanks; with or without a header.

pyarrow reads a table of numbers with one separating character. Python reads what is laid out in another way: rows of
different lengths, headers that are repeated, comments, blanks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from aging.core.measure import Measure
from aging.stats.note import Note
from aging.tables.arrow import array_of
from aging.tables.base import Format
from aging.tables.cells import MISSING
from aging.tables.decimal_marks import certain_mark, may_be_grouped
from aging.tables.layout import CUT, HEADER_HINT, Layout, LayoutError, Row, content_rows, layout_of, whole_lines
from aging.tables.table import Column, Table
from aging.tables.text import head_of, is_plain_utf_8, opened
from aging.tables.units import unit_in_name

FAST_FROM_BYTES = 1 << 20
"""A shorter file is read before pyarrow is imported."""

_MOST_ODD = 0.1
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_DOTTED = re.compile(r"\d{1,2}\.\d{1,2}\.(?:\d{2}|\d{4})?(?:\s|$)")
"""A date as in 01.08.2026, of languages that write a decimal comma."""


class Delimited(Format):
    """A text table."""

    kind: ClassVar[str] = "delimited"
    title: ClassVar[str] = "Text table: CSV, TSV, semicolons, pipes, or columns set apart by blanks"
    made_by: ClassVar[str] = "any tool; with or without a header"
    rank: ClassVar[int] = 9

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        return any(line.strip() for line in head)

    @classmethod
    def read(cls, path: Path) -> Table:
        layout = layout_of(head_of(path))
        columns = _fast(path, layout)
        notes: list[Note] = []
        if columns is None:
            columns, notes = _slow(path, layout)
        if twice := _twice(layout):
            notes.insert(0, Note("names_twice", f"Columns of one name: {twice}."))
        if layout.header is None:
            notes.insert(
                0, Note("no_header", f"The file has no header: {HEADER_HINT.format(layout.width)}.{layout.remark}")
            )
        return Table(columns, measures=_measures(layout), notes=tuple(notes), decimal=_decimal(layout))


def _twice(layout: Layout) -> str:
    """What columns are called whose name the header has more than once."""
    names = [name.strip() for name in layout.header or () if name.strip()]
    again = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    shown = (", ".join(one for one in layout.names if one == name or one.startswith(f"{name}.")) for name in again)
    return "; ".join(f"{name!r} is read as {each}" for name, each in zip(again, shown, strict=True))


def _measures(layout: Layout) -> dict[str, Measure]:
    """What a row of units below the header says."""
    units = (unit.strip("()[] ") for unit in layout.units)
    found = {name: unit_in_name(unit) for name, unit in zip(layout.names, units, strict=False)}
    return {name: measure for name, measure in found.items() if measure is not None}


def _decimal(layout: Layout) -> str:
    """The decimal mark that the cells show, or else separators and dates: a comma beside semicolons or 01.08.2026."""
    cells = [cell for row in layout.samples for cell in row]
    if mark := certain_mark(cells):
        return mark
    if layout.splitter.mark == ";" or any(map(_DOTTED.match, cells)):
        return ","
    return "." if layout.splitter.mark == "," else ""


def _fast(path: Path, layout: Layout) -> dict[str, Column] | None:
    """The columns as pyarrow reads them; None where the file is not laid out for it."""
    mark = layout.splitter.mark
    if path.stat().st_size < FAST_FROM_BYTES or not mark or mark == "|" or layout.numbered or not is_plain_utf_8(path):
        return None
    if any(len(row) != layout.width for row in layout.samples):
        return None
    import pyarrow  # noqa: PLC0415 - 50 ms that a file of another format needs not
    from pyarrow import csv, types  # noqa: PLC0415

    try:
        table = csv.read_csv(
            path,
            csv.ReadOptions(column_names=list(layout.names), skip_rows=layout.skipped, block_size=8 << 20),
            csv.ParseOptions(delimiter=mark),
            csv.ConvertOptions(null_values=_nulls(), strings_can_be_null=True, auto_dict_encode=True),
        )
    except (pyarrow.ArrowException, ValueError, OSError):
        return None
    columns: dict[str, Column] = {}
    decimal = _decimal(layout)
    for place, (name, one) in enumerate(zip(table.column_names, table.columns, strict=True)):
        text = types.is_dictionary(one.type) or types.is_string(one.type)
        cells = [row[place] for row in layout.samples if row[place].lower() not in MISSING]
        if text and cells and all(map(_NUMBER.fullmatch, cells)):
            return None  # numbers, and further down something else
        columns[name] = array_of(one)
        if types.is_floating(one.type) and (mark != "," or decimal == ",") and may_be_grouped(columns[name]):
            return None  # its text says more
    return columns


def _nulls() -> list[str]:
    return sorted({form for word in MISSING for form in (word, word.upper(), word.title(), "NaN", "-NaN", "N/a")})


def _slow(path: Path, layout: Layout) -> tuple[dict[str, Column], list[Note]]:
    """The columns as text, and what was left out. Raises LayoutError."""
    rows: list[Row] = []
    odd: list[tuple[int, Row]] = []
    short = 0
    last = 0
    shared: dict[str, str] = {}
    with opened(path) as file:
        for number, row in content_rows(whole_lines(file), layout):
            last = number
            cells = row
            while len(cells) > layout.width and not cells[-1]:
                cells = cells[:-1]
            if len(cells) < layout.width and layout.splitter.mark and len(cells) > 1:
                short += 1
                cells = [*cells, *[""] * (layout.width - len(cells))]
            if len(cells) != layout.width:
                odd.append((number, row))
                continue
            rows.append([shared.setdefault(cell, cell) for cell in cells])
    notes: list[Note] = []
    if odd and (len(odd) > _MOST_ODD * (len(odd) + len(rows)) and not (len(odd) == 1 and odd[0][0] == last)):
        number, row = odd[0]
        raise LayoutError(
            f"its rows have {layout.width} values, but line {number} has {len(row)}: {' | '.join(row)[:80]}; "
            f"cells were taken to be set apart by {layout.splitter.title}. {CUT}"
        )
    if odd:
        number, row = odd[0]
        lines = f"line {number}" if len(odd) == 1 else f"{len(odd)} lines, the first is line {number}"
        notes.append(
            Note(
                "rows_odd",
                f"Left out, for another number of cells than {layout.width}: {lines} ({' '.join(row)[:60]}).",
            )
        )
    if short:
        notes.append(Note("rows_short", f"{short} rows have fewer than {layout.width} cells; the last are missing."))
    if not rows:
        raise LayoutError("has no rows")
    columns = {
        name: np.array([cell or None for cell in cells], dtype=object)
        for name, cells in zip(layout.names, zip(*rows, strict=True), strict=True)
    }
    if layout.numbered:
        del columns[layout.names[0]]
    return columns, notes
