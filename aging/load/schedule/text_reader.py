"""Reading of large text files that may hold anything: line by line, nothing longer than a bound."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from aging.load.traces.base import Wrong

LONGEST_LINE = 1 << 22
MOST_TOKENS = 10_000_000
"""Most tokens of one request that are accepted."""


class UnreadableError(Exception):
    """A value that cannot be read; reported as :class:`Wrong` with its line."""

    def __init__(self, column: str, what: str) -> None:
        self.column, self.what = column, what


def lines(path: Path) -> Iterator[tuple[int, str] | Wrong]:
    """Every line that is not empty, with its number from 1 on."""
    with path.open("rb") as handle:
        number = 0
        while line := handle.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE:
                yield Wrong(number, "", f"the line is longer than {LONGEST_LINE // 2**20} MiB: is this a text file?")
                return
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip("\r\n")
            except UnicodeDecodeError:
                yield Wrong(number, "", "is not UTF-8 text")
                return
            if text.strip():
                yield number, text


def csv_rows(
    path: Path, needed: Sequence[str], optional: Sequence[str] = ()
) -> Iterator[tuple[int, tuple[str, ...]] | Wrong]:
    """Every row of a CSV file with its line: the cells of the columns that are ``needed``, then of the ``optional``.

    Columns are found by the names in the first line; the cell of a missing optional one is empty.
    """
    names: list[str] = []
    places: list[int] = []
    for line in lines(path):
        if isinstance(line, Wrong):
            yield line
            continue
        number, text = line
        try:
            cells = next(csv.reader((text,), strict=True)) if '"' in text else text.split(",")
        except (csv.Error, ValueError) as error:
            yield Wrong(number, "", f"is not a row of CSV: {error}")
            continue
        if not names:
            names = [cell.strip() for cell in cells]
            if missing := [name for name in needed if name not in names]:
                listed = ", ".join(repr(name) for name in missing)
                yield Wrong(number, "", f"has no column {listed}; its columns are {', '.join(map(repr, names))}"[:500])
                return
            # Missing optional columns are read from an empty cell behind the last.
            places = [names.index(name) if name in names else len(names) for name in (*needed, *optional)]
        elif len(cells) != len(names):
            yield Wrong(number, "", f"has {len(cells)} columns, the first line has {len(names)}")
        else:
            cells.append("")
            yield number, tuple([cells[place] for place in places])


def tokens(text: str, column: str) -> int:
    """A count of tokens. Raises :class:`UnreadableError`."""
    if len(text) < len(str(MOST_TOKENS)) and text.isdecimal():
        return int(text)
    value = number(text, column)
    if value != int(value):
        raise UnreadableError(column, f"{text!r} is not a whole number of tokens")
    if value > MOST_TOKENS:
        raise UnreadableError(column, f"{text!r} is more than {MOST_TOKENS:,} tokens")
    return int(value)


def number(text: str, column: str) -> float:
    """A number that is not negative. Raises :class:`UnreadableError`."""
    try:
        value = float(text)
    except ValueError:
        raise UnreadableError(column, f"{_short(text)} is not a number") from None
    if not math.isfinite(value):
        raise UnreadableError(column, f"{_short(text)} is not a finite number")
    if value < 0:
        raise UnreadableError(column, f"{_short(text)} is negative")
    return value


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
