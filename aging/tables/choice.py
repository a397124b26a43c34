"""What a user chooses of a table: columns, times, labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aging.core.errors import Mistake, MistakeCode
from aging.tables.names import bare


@dataclass(frozen=True, slots=True)
class Choice:
    """The options; None and empty stand for what the file itself shows.

    ``per`` are the columns whose values tell series apart. ``every`` are the seconds between rows, ``time_unit`` those
    of the unit of a column of plain numbers. ``decimal`` is the decimal mark. Columns may be given by their numbers.
    ``columns_option`` is the option that named the columns.
    """

    time: str | None = None
    columns: Sequence[str] = ()
    per: str | Sequence[str] | None = None
    load_start: str | None = None
    every: float | None = None
    time_unit: float | None = None
    time_format: str | None = None
    timezone: str | None = None
    format: str | None = None
    decimal: str = ""
    columns_option: str = "--column"

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns of ``per``."""
        if self.per is None:
            return ()
        return (self.per,) if isinstance(self.per, str) else tuple(self.per)


def column_named(asked: str, names: Sequence[str]) -> str | None:
    """The column that is meant: its name, its name in other case or without its labels, or its number from 1."""
    if asked in names:
        return asked
    for form in (str.strip, str.casefold, bare):
        same = [name for name in names if form(name) == form(asked)]
        if len(same) == 1:
            return same[0]
    if asked.isdecimal() and 1 <= int(asked) <= len(names):
        return names[int(asked) - 1]
    return None


def unknown_column(option: str, asked: str, listed: str) -> Mistake:
    """No column is called so."""
    return Mistake(asked, f"no such column; the columns are: {listed}. Correct {option}", MistakeCode.UNKNOWN_NAME)


def quoted(name: str) -> str:
    """A column as it is given to an option in a shell."""
    return name if name.replace("_", "").isalnum() else "'" + name.replace("'", "'\\''") + "'"
