"""How the lines of a text table are laid out: what sets cells apart, whether there is a header, and of how many names.

Separators are tabs, semicolons, pipes, commas, two or more blanks (so that names may hold single ones), or any blanks,
where a time such as ``2026-08-01 12:00:00`` and a size such as ``12 MiB`` stay in one cell.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from aging.tables.cells import is_missing, looks_like_a_value
from aging.tables.stamps import stamp_of
from aging.tables.units import unit_in_name

Row = list[str]

_RULE = re.compile(r"[\s\-+=|:_*]*")
_GLUE = "\ue000"  # for private use, so in no file
_WEEKDAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?: [AP]M\b)?"
_TIMES = re.compile(
    "|".join(
        (
            rf"{_WEEKDAY} +{_MONTH} +\d{{1,2}} +{_CLOCK}(?: +[A-Z]{{2,5}})? +\d{{4}}",
            rf"{_WEEKDAY},? +\d{{1,2}} +{_MONTH} +\d{{4}} +{_CLOCK}(?: +[A-Z]{{2,5}})?",
            rf"{_MONTH} +\d{{1,2}},? +(?:\d{{4}},? +)?{_CLOCK}",
            rf"\d{{1,2}} +{_MONTH} +\d{{4}},? +{_CLOCK}",
            rf"\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}} +{_CLOCK}(?: ?(?:[+-]\d\d:?\d\d|UTC|Z))?",
            rf"\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{2,4}},? +{_CLOCK}",
            r"\d{1,2}:\d\d:\d\d [AP]M\b",
        )
    )
)
_SIZES = re.compile(r"(?<=\d) (?=(?:[KMGTkmgt]?i?B|bytes|ms|s|%|W|C|MHz)(?:\s|$|/))")
_PAIRS = re.compile(r"(?<=[\dA-Za-z]) / (?=\d)")
_QUOTED = re.compile(r'(?:^|[,;\t|])\s*"')
_LONGEST_CELL = 1 << 14
_EXCEL = re.compile(r'"?sep=.{1,2}"?', re.IGNORECASE)
_FEW = 20
HEADER_HINT = "its columns are called by their numbers, 1 to {}"
_MOST_NAMES_SHOWN = 8


CUT = "If it is free text, cut the numbers out first, like: awk '{print $2, $7}' FILE | aging trend - --every 1s"
"""What to do with lines that are no rows."""


class LayoutError(ValueError):
    """Lines that are no table; the message is a sentence's rest, such as ``has no rows``."""


class Splitter(NamedTuple):
    """A way to cut lines. ``mark`` is the separating character, or empty for blanks."""

    title: str
    mark: str
    cut: Callable[[str], Row]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is cut into columns called ``names``.

    ``skipped`` lines stand before the first row of values; ``header`` is the row of the names (None: the file has
    none), ``units`` what a second row says of them. ``numbered``: rows begin with their number, which has no name.
    """

    splitter: Splitter
    names: tuple[str, ...]
    skipped: int
    header: tuple[str, ...] | None
    units: tuple[str, ...] = ()
    numbered: bool = False
    samples: tuple[tuple[str, ...], ...] = field(default=())
    remark: str = ""

    @property
    def width(self) -> int:
        """Cells in a row."""
        return len(self.names)


def _by_mark(mark: str) -> Callable[[str], Row]:
    def cut(line: str) -> Row:
        if '"' not in line:
            return [cell.strip() for cell in line.split(mark)]
        try:
            return [cell.strip() for cell in next(csv.reader([line], delimiter=mark, skipinitialspace=True))]
        except (csv.Error, StopIteration):
            return [cell.strip() for cell in line.split(mark)]

    return cut


def _by_pipes(line: str) -> Row:
    return _by_mark("|")(line.strip().strip("|"))


def _by_wide_blanks(line: str) -> Row:
    return re.split(r"[ \t]{2,}|\t", line.strip(" \t"))


def _by_blanks(line: str) -> Row:
    return [
        cell.rstrip(",:;") or cell for cell in re.split(r"[ \t]+", line) if cell
    ]  # a blank within a number is of another kind


def _glued(*patterns: re.Pattern[str]) -> Callable[[str], Row]:
    def cut(line: str) -> Row:
        for pattern in patterns:
            line = pattern.sub(lambda found: found[0].replace(" ", _GLUE), line)
        return [cell.replace(_GLUE, " ") for cell in _by_blanks(line)]

    return cut


_MARKED = (
    Splitter("tabs", "\t", _by_mark("\t")),
    Splitter("semicolons", ";", _by_mark(";")),
    Splitter("pipes", "|", _by_pipes),
    Splitter("commas", ",", _by_mark(",")),
)
_WIDE = Splitter("two or more blanks", "", _by_wide_blanks)
_BLANK = (
    _WIDE,
    Splitter("blanks", "", _glued(_TIMES, _PAIRS, _SIZES)),
    Splitter("blanks", "", _glued(_TIMES)),
    Splitter("blanks", "", _by_blanks),
)
_SURE = {"tabs": 0.7, "semicolons": 0.6, "pipes": 0.4, "commas": 0.3, "two or more blanks": 0.3}
"""How seldom the separator occurs within a cell."""

_ONE = Splitter("lines", "", lambda line: [line.strip()])


def is_content(line: str) -> bool:
    """Whether a line is neither empty nor a rule."""
    return bool(line.strip()) and not _RULE.fullmatch(line)


def is_comment(line: str) -> bool:
    """Whether a line begins with ``#``."""
    return line.lstrip().startswith("#")


def layout_of(head: Sequence[str]) -> Layout:
    """The layout of a file with these first lines. Raises LayoutError."""
    placed = [(place, line) for place, line in enumerate(whole_lines(head)) if is_content(line)]
    content = [(place, line) for place, line in placed if not is_comment(line) and not _EXCEL.fullmatch(line.strip())]
    if not content:
        raise LayoutError("has no rows" if not placed else "has no rows, only comment lines")
    first_place = content[0][0]
    comments = [(place, line) for place, line in placed if is_comment(line) and place < first_place]
    lines = [line for _, line in content]
    commented = comments[-1][1].lstrip().lstrip("#").strip() if comments else ""
    place_of_comment = comments[-1][0] if comments else -9
    splitter = _splitter(lines, commented)
    rows = [splitter.cut(line) for line in lines]
    header: Row | None = None
    above = _above_header(rows)
    rows, content = rows[above:], content[above:]
    first_place = content[0][0]
    start = first_place
    if not _is_header(rows):
        if commented and _trimmed(splitter.cut(commented)) and _fits(splitter.cut(commented), rows):
            header = splitter.cut(commented)
    else:
        header, rows = rows[0], rows[1:]
        start = content[1][0] if len(content) > 1 else first_place + 1
    if not rows:
        raise LayoutError("has no rows, only a header")
    units: Row = []
    if header is not None and len(rows) > 1 and _is_units(rows[0], rows[1:]):
        units, rows = rows[0], rows[1:]
        start = content[2][0]
    if header is None:
        width = _usual_width([_trimmed(row) for row in rows])
        names = tuple(str(number) for number in range(1, width + 1))
        remark = ""
        if commented and abs(place_of_comment - first_place) <= 2:
            remark = (
                f" The comment above ({commented[:60]}) has {len(splitter.cut(commented))} words and the rows have "
                f"{width} values, so it is not taken for a header"
            )
        return Layout(splitter, names, start, None, samples=_samples(rows), remark=remark)
    quoted = all(line.startswith('"') for line in lines[-len(rows) :])  # as R writes the names of rows
    return _with_header(splitter, header, units, rows, start, quoted)


def _above_header(rows: list[Row]) -> int:
    """How many lines stand above the header: titles, with other numbers of cells."""
    width = _usual_width([_trimmed(row) for row in rows])
    if width < 2:
        return 0
    for place, row in enumerate(rows[:_FEW]):
        if len(_trimmed(row)) == width:
            return place if place and _is_header(rows[place:]) and not any(map(_is_value, row)) else 0
    return 0


def _with_header(  # noqa: PLR0913, PLR0917
    splitter: Splitter, header: Row, units: Row, rows: list[Row], start: int, quoted: bool
) -> Layout:
    bare = [row for row in rows if row != header]
    if not bare:
        raise LayoutError("has no rows, only headers")
    names = _trimmed(header)
    width = len(names)
    fitting = [_fit(row, width) for row in bare]
    usual = _usual_width(fitting)
    numbered = False
    if usual == width + 1 and quoted and _counts([row[0] for row in bare[:_FEW] if len(row) == usual]):
        names, numbered = ["", *names], True
    elif usual != width and not (splitter.mark and any(len(row) == width for row in fitting) and usual < width):
        listed = ", ".join(names[:_MOST_NAMES_SHOWN]) + (", …" if width > _MOST_NAMES_SHOWN else "")
        example = next(row for row, cells in zip(bare, fitting, strict=True) if len(cells) == usual)
        raise LayoutError(
            f"its header has {width} names ({listed}), but its rows have {usual} values, like {' | '.join(example)}; "
            f"cells were taken to be set apart by {splitter.title}. Give the header as many names, or remove it "
            f"(columns are then numbered). {CUT}"
        )
    return Layout(splitter, distinct(names), start, tuple(header), tuple(units), numbered, _samples(bare))


def _samples(rows: Sequence[Row]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(row) for row in rows[:_FEW])


def _fit(row: Row, width: int) -> Row:
    """Without empty cells beyond the width."""
    while len(row) > width and not row[-1]:
        row = row[:-1]
    return row


def _trimmed(row: Row) -> Row:
    return _fit(row, 1)


def _usual_width(rows: Sequence[Row]) -> int:
    return Counter(map(len, rows)).most_common(1)[0][0]


def _fits(header: Row, rows: Sequence[Row]) -> bool:
    return len(_trimmed(header)) == _usual_width([_fit(row, len(_trimmed(header))) for row in rows])


def _counts(cells: Sequence[str]) -> bool:
    """Whether cells are 0, 1, 2, … or 1, 2, 3, …"""
    if not all(cell.isdecimal() for cell in cells) or len(cells) < 2:
        return False
    numbers = [int(cell) for cell in cells]
    return numbers[0] in (0, 1) and all(after - before == 1 for before, after in pairwise(numbers))


def _splitter(lines: Sequence[str], commented: str) -> Splitter:
    """The way to cut that gives most lines equally many cells, and cells that read as values."""
    best, best_score = _ONE, 0.0
    for splitter in (*_MARKED, *_BLANK):
        rows = [splitter.cut(line) for line in lines]
        body = rows[1:] or rows
        width = _usual_width([_trimmed(row) for row in body])
        if width < 2:
            continue
        fitting = [row for row in body if len(_fit(row, width)) == width or len(row) == width]
        share = len(fitting) / len(body)
        cells = [cell for row in fitting[:_FEW] for cell in row[:width] if cell]
        clean = sum(map(_is_value, cells)) / max(len(cells), 1)
        headed = _fits(rows[0], body) or (bool(commented) and _fits(splitter.cut(commented), rows))
        if splitter is _WIDE and not (headed and (commented or _is_header(rows))):
            continue  # without names there is no reason for cells with single blanks
        score = share + clean + 0.5 * headed + _SURE.get(splitter.title, 0.0)
        if share >= 0.5 and score > best_score + 1e-9:
            best, best_score = splitter, score
    return best


def _is_value(cell: str) -> bool:
    return is_missing(cell) or looks_like_a_value(cell) or stamp_of(cell) is not None


def _is_header(rows: Sequence[Row]) -> bool:
    """Whether the first row names the others: its cells are no values where theirs are."""
    first, others = rows[0], rows[1 : 1 + _FEW]
    others = [row for row in others if row != first]
    if not others:
        return not any(_is_value(cell) for cell in first if cell)
    width = min(len(first), _usual_width(others))
    named = values = 0
    for place in range(width):
        below = [row[place] for row in others if len(row) > place and not is_missing(row[place])]
        if not below or sum(map(_is_value, below)) < 0.6 * len(below):
            continue
        values += 1
        named += not _is_value(first[place]) or is_missing(first[place])
    if not values:
        return not any(_is_value(cell) for cell in first if cell)
    if len(first) != _usual_width(others) and not any(map(looks_like_a_value, first)):
        return True
    return named > values / 2


def _is_units(row: Row, others: Sequence[Row]) -> bool:
    """Whether a row below the header holds units: words where the rows below hold values."""
    if any(looks_like_a_value(cell) or stamp_of(cell) for cell in row):
        return False
    words = [cell.strip("()[] ") for cell in row]
    known = sum(unit_in_name(word) is not None or word in ("s", "h", "W", "C", "-", "") for word in words)
    below = others[0]
    return known == len(words) and any(words) and any(map(looks_like_a_value, below))


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """A name for every column: its number where it has none; the second of two of one name is ``name.1``."""
    seen: Counter[str] = Counter()
    result = []
    for number, given in enumerate(names, start=1):
        name = given.strip() or str(number)
        if number == 1:
            name = name.lstrip("#").strip() or name
        while name in seen:
            seen[name] += 1
            name = f"{name}.{seen[name] - 1}"
        seen[name] += 1
        result.append(name)
    return tuple(result)


def whole_lines(lines: Iterable[str]) -> Iterator[str]:
    """Lines without their ends, a quoted cell's line breaks made blanks."""
    held = ""
    for line in lines:
        held = f"{held} {line.strip()}" if held else line.rstrip("\r\n")
        if held.count('"') % 2 and _QUOTED.search(held) and len(held) < _LONGEST_CELL:
            continue
        yield held
        held = ""
    if held:
        yield held


def content_rows(lines: Iterator[str], layout: Layout) -> Iterator[tuple[int, Row]]:
    """The rows of values with the numbers of their lines (from 1): no header again, no comment, no rule."""
    header = None if layout.header is None else list(layout.header)
    for number, line in enumerate(lines, start=1):
        if number <= layout.skipped or not is_content(line) or is_comment(line):
            continue
        row = layout.splitter.cut(line)
        if row != header:
            yield number, row
