"""What tools print: lines of text, the times that stand before or between them, and the rows made of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from aging.core.measure import Measure
from aging.stats.note import Note
from aging.tables.base import NoRowsError
from aging.tables.table import Column, Table
from aging.tables.text import opened

TIME = "time"
"""The column of the times that stand before rows or between them."""

_TIMES = frozenset(("TIME", "TIMESTAMP", "DATE", "DATETIME"))
"""Words of a header above times that a user has put before the rows."""

KIB = Measure("B", "KiB", 1024.0)
MIB = Measure("B", "MiB", 1024.0**2)
BYTES = Measure("B", "B")
PERCENT = Measure("%", "%")
SECONDS = Measure("s", "s")
KIB_PER_SECOND = Measure("B", "KiB/s", 1024.0, rate=True)

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\x1b[=>78]|[\x00\x0f\r\ufeff]")

_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_CLOCK = r"\d{1,2}:\d\d:\d\d(?:[.,]\d+)?(?:\s[AP]M\b)?"
_ZONE = r"(?:\s?(?:Z|UTC|[+-]\d\d:?\d\d)\b)?"
_TIME = "|".join(
    (
        rf"\d{{4}}-\d\d-\d\d[T ]{_CLOCK}{_ZONE}",
        rf"\d{{4}}/\d\d/\d\d[T ]{_CLOCK}",
        rf"\d{{1,2}}[/.]\d{{1,2}}[/.]\d{{2,4}},?\s{_CLOCK}",
        rf"{_DAY}\s+(?:{_MONTH}\s+\d{{1,2}}|\d{{1,2}}\.?\s+{_MONTH}),?(?:\s+\d{{4}})?,?\s+{_CLOCK}(?:\s+[A-Z][A-Z0-9+-]*)?"
        r"(?:\s+\d{4})?",
        rf"{_MONTH}\s+\d{{1,2}}\s+{_CLOCK}(?:\s+\d{{4}}\b)?",
        _CLOCK,
        r"1\d{9}(?:\.\d+)?",
        r"1\d{12}",
    )
)
_BEFORE = re.compile(rf"\s*\[?({_TIME})(?=[\s\],;|]|:\s|$)\]?(?::(?=\s|$))?[\s,;|]*")
_ALONE = re.compile(rf"(?:[\s=#*-]*)(?:(?:date|time|timestamp)\s*[:=]?\s*)?\[?({_TIME})\]?[\s=#*:-]*", re.IGNORECASE)
_UPTIME = re.compile(r"\s*(\d\d:\d\d:\d\d) up\s.*load average: [\d., ]+")
_LONGEST_TIME = 40
_MAY_BEGIN = frozenset("0123456789[MTWFSJADNO=#*-dt ")


@dataclass(frozen=True, slots=True)
class Line:
    """A line without the time before it; ``time`` as printed, before it or in a line above, None without one."""

    number: int
    text: str
    time: str | None


def plain(text: str) -> str:
    """The text without what moves or colors a terminal's cursor."""
    return text if text.isprintable() else _CONTROL.sub("", text)


def lines(path: Path) -> Iterator[str]:
    """The lines of a file without what steers a terminal, and without ends of lines. Raises UnreadableError."""
    with opened(path) as file:
        for line in file:
            yield plain(line.rstrip("\n"))


def is_time(text: str) -> bool:
    """Whether a line holds a time and nothing else."""
    return _may_begin(text) and _alone(text) is not None


def of_limit(used: str, limit: str | None) -> str:
    """An amount with the limit that stands in another column, as docker writes both: ``2 GB / 8 GB``."""
    return f"{used} / {limit}" if limit and used[:1].isdecimal() and limit[:1].isdecimal() else used


def _alone(text: str) -> re.Match[str] | None:
    """The match of a line with nothing but a time, as ``date`` and ``uptime`` print it."""
    return _ALONE.fullmatch(text) or _UPTIME.fullmatch(text)


def _may_begin(text: str) -> bool:
    """Whether a line may begin with a time: most do not, and a look at their first characters shows it."""
    start = text[:_LONGEST_TIME]
    return start[:1] in _MAY_BEGIN and (":" in start or start.lstrip(" [=#*-")[:10].isdecimal())


def without_times(names: Sequence[str]) -> Sequence[str]:
    """The names of a header without those of the times that a user has put before the rows."""
    first = next((place for place, name in enumerate(names) if name.strip("#[]").upper() not in _TIMES), len(names))
    return names[first:]


def stamped(texts: Iterable[str]) -> Iterator[Line]:
    """The lines that hold more than a time, each with its time: the one before it, else the last one above."""
    time: str | None = None
    for number, text in enumerate(texts, 1):
        if not text or text.isspace():
            continue
        if _may_begin(text):
            if alone := _alone(text):
                time = alone.group(1)
                continue
            if before := _BEFORE.match(text):
                time = before.group(1)
                text = text[before.end() :]  # noqa: PLW2901 - the rest of the line
        yield Line(number, text, time)


def stamped_head(head: Sequence[str]) -> list[str]:
    """The first lines without times, for :meth:`~aging.tables.base.Format.recognizes`."""
    return [line.text for line in stamped(map(plain, head))]


def no_header(tool: str, names: Sequence[str]) -> Note:
    """Of lines that grep has taken out of an output, without its header."""
    return Note("no_header", f"The lines have no header; they are read as those of {tool}: {', '.join(names)}.")


@dataclass(slots=True)
class Rows:
    """Rows in the making. What is no row is counted, and named in a note."""

    _columns: dict[str, list[Any]] = field(default_factory=dict)
    _size: int = 0
    _last: dict[tuple[Any, ...], int] = field(default_factory=dict)
    _strangers: list[Line] = field(default_factory=list)

    def add(self, time: str | None, values: Mapping[str, Any]) -> None:
        """A row."""
        if time is not None:
            self._set(TIME, time)
        for name, value in values.items():
            self._set(name, value)
        self._size += 1

    def join(self, time: str | None, labels: Mapping[str, str | None], values: Mapping[str, Any]) -> None:
        """More columns of the row of this time and these labels; a new row where it has one of them already."""
        key = (time, *labels.values())
        row = self._last.get(key)
        if row is None or any(self._get(name, row) is not None for name in values):
            self._last[key] = self._size
            self.add(time, {**labels, **values})
            return
        for name, value in values.items():
            self._set(name, value, row)

    def stranger(self, line: Line) -> None:
        """A line that is no row."""
        self._strangers.append(line)

    def table(self, known: Knowledge, *, time: str | None = None, notes: Sequence[Note] = ()) -> Table:
        """The table; ``time`` names a column of times of the tool's own. Raises NoRowsError."""
        if not self._size:
            raise NoRowsError("has no rows of values")
        columns = {name: _column(cells, self._size) for name, cells in self._columns.items()}
        if TIME in columns:
            columns = {TIME: columns.pop(TIME), **columns}
        return known.table(columns, time=TIME if TIME in columns else time, notes=(*notes, *self._left_out()))

    def _left_out(self) -> Iterator[Note]:
        if self._strangers:
            first = self._strangers[0]
            count = len(self._strangers)
            what = "1 line is not a row" if count == 1 else f"{count} lines are not rows"
            message = f"{what} and left out; the first is line {first.number}: {first.text.strip()[:60]!r}."
            yield Note("lines_left_out", message)

    def _set(self, name: str, value: Any, row: int | None = None) -> None:
        cells = self._columns.setdefault(name, [])
        at = self._size if row is None else row
        if at < len(cells):
            cells[at] = value
            return
        cells.extend([None] * (at - len(cells)))
        cells.append(value)

    def _get(self, name: str, row: int) -> Any:
        cells = self._columns.get(name, ())
        return cells[row] if row < len(cells) else None


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a format knows of columns by their names; it may know columns that a file does not have."""

    labels: tuple[str, ...] = ()
    measures: Mapping[str, Measure] = field(default_factory=dict)
    counters: frozenset[str] = frozenset()
    identifiers: frozenset[str] = frozenset()
    fractions: frozenset[str] = frozenset()
    decimal_units: frozenset[str] = frozenset()

    def table(self, columns: Mapping[str, Column], *, time: str | None, notes: Sequence[Note] = ()) -> Table:
        """The table of these columns."""
        return Table(
            columns=columns,
            time=time,
            labels=tuple(name for name in self.labels if name in columns),
            measures={name: measure for name, measure in self.measures.items() if name in columns},
            counters=self.counters & columns.keys(),
            identifiers=self.identifiers & columns.keys(),
            notes=tuple(notes),
            fractions=self.fractions & columns.keys(),
            decimal_units=self.decimal_units & columns.keys(),
        )


def _column(cells: list[Any], size: int) -> Column:
    column = np.empty(size, dtype=object)
    column[: len(cells)] = cells
    return column
