"""The columns of a table that the options name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aging.core.errors import Mistake, MistakesError
from aging.tables.choice import Choice, column_named, unknown_column
from aging.tables.columns import Numbers, bare_names, counts_up
from aging.tables.labels import WHOLE
from aging.tables.series import Floats
from aging.tables.table import Table
from aging.tables.work import counts_of


@dataclass(frozen=True, slots=True)
class Chosen:
    """The columns of ``--time``, ``--column`` and ``--per``, and the options that name none."""

    time: str | None
    columns: tuple[str, ...]
    per: tuple[str, ...]
    mistakes: tuple[Mistake, ...]


def chosen_of(choice: Choice, names: Sequence[str]) -> Chosen:
    """The columns that are meant."""
    mistakes: list[Mistake] = []
    time = _meant("--time", [choice.time] if choice.time else [], names, mistakes)
    columns = _meant(choice.columns_option, choice.columns, names, mistakes)
    per = _meant("--per", choice.labels, names, mistakes)
    return Chosen(time[0] if time else None, tuple(columns), tuple(per), tuple(mistakes))


def count_of_work(per: Sequence[str], numbers: Numbers, table: Table, source: str) -> str | None:
    """The column of ``--per`` that is a cumulative count, along which growth is asked for. Raises MistakesError."""
    work = [name for name in per if name in numbers.cells and _counts_work(name, numbers.cells[name].values, table)]
    if len(work) > 1:
        raise MistakesError(source, [Mistake("--per", f"one count is enough, not {', '.join(work)}")])
    return work[0] if work else None


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


def _counts_work(name: str, values: Floats, table: Table) -> bool:
    """Whether a column that ``--per`` names is a cumulative count, not one whose values tell series apart."""
    by_name = counts_up(name, {}, values, table.counters, bare_names(table))
    return by_name or any(counts_of({name: values}, WHOLE).values())
