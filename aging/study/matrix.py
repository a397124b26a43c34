"""The form of a study file's ``[matrix]``: levels in a list by key path, whatever the campaign file is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from aging.core.errors import Mistake, MistakeCode

_AMOUNT = re.compile(r"(\d+)(\D*)")


def listed_levels(matrix: Any) -> Mapping[str, Sequence[Any]]:
    """The levels by key path; a level without its list is the only one, so that it can be judged as well.

    A table in place of a list has no levels: it is meant as a part of a key path.
    """
    if not isinstance(matrix, dict):
        return {}
    return {
        path: levels if isinstance(levels, list) else [] if isinstance(levels, dict) else [levels]
        for path, levels in matrix.items()
    }


def matrix_mistakes(matrix: Any) -> Iterator[Mistake]:
    """Levels in no list, none, and one twice."""
    for path, levels in matrix.items() if isinstance(matrix, dict) else ():
        where = f'matrix."{path}"'
        if isinstance(levels, dict):
            keys, inner = _first(path, levels)
            example = f'"{keys}" = {_text(inner if isinstance(inner, list) else _levels_like(inner))}'
            what = f"is a table; write a key path in quotes, and its levels in a list, like {example}"
            yield Mistake(where, what, MistakeCode.WRONG_TYPE)
        elif not isinstance(levels, list):
            what = f"must be a list of levels, like {_text(_levels_like(levels))}, got {_text(levels)}"
            yield Mistake(where, what, MistakeCode.WRONG_TYPE)
        elif not levels:
            yield Mistake(where, "has no levels; list at least one", MistakeCode.OUT_OF_RANGE)
        elif len({repr(level) for level in levels}) < len(levels):
            what = f"has a level twice: {', '.join(map(repr, levels))}"
            yield Mistake(where, what, MistakeCode.DUPLICATE_NAME)


def _first(path: str, table: Mapping[str, Any]) -> tuple[str, Any]:
    """The key path of the first value in nested tables, and that value."""
    value: Any = table
    while isinstance(value, dict) and value:
        key, value = next(iter(value.items()))
        path = f"{path}.{key}"
    return path, value


def _levels_like(level: Any) -> Sequence[Any]:
    """Levels of the type of one, that one first, as an example."""
    if isinstance(level, bool):
        return [level, not level]
    if isinstance(level, int | float):
        return [level, level * 2 if level else level + 1]
    if isinstance(level, str) and (amount := _AMOUNT.fullmatch(level)) is not None and int(amount[1]):
        return [level, f"{int(amount[1]) * 2}{amount[2]}"]
    return [level]


def _text(value: Any) -> str:
    """A value as TOML."""
    try:
        return str(tomlkit.item(value).as_string())
    except (TOMLKitError, TypeError, ValueError):
        return repr(value)
