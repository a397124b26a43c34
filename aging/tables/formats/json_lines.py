"""JSON: one object a line, or one array of objects; objects within objects become ``outer.inner``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from aging.stats.note import Note
from aging.tables.base import Format
from aging.tables.table import Column, Table
from aging.tables.text import opened

_OBJECT = re.compile(r"\{\s*[\"}]")
_OPENS_ARRAY = re.compile(r"\{|\{.*[\[{,:](?:\s*\{)?")
"""The first line of a document whose first object does not end in it."""

_MOST_ODD = 0.1
_LARGEST = 1 << 30
_DEEPEST = 3


class JsonLines(Format):
    """Objects in JSON."""

    kind: ClassVar[str] = "json"
    title: ClassVar[str] = "JSON lines, or a JSON array of objects"
    made_by: ClassVar[str] = "a program's own log; `docker stats --format json`"
    rank: ClassVar[int] = 5

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        lines = [line.strip() for line in head if line.strip()]
        if not lines:
            return False
        objects = sum(_OBJECT.match(line) is not None and line.rstrip(",").endswith("}") for line in lines)
        array = lines[0].startswith("[") and "{" in "".join(lines[:2])
        return objects > len(lines) / 2 or array or _OPENS_ARRAY.fullmatch(lines[0]) is not None

    @classmethod
    def read(cls, path: Path) -> Table:
        with opened(path) as file:
            first = next((line for line in file if line.strip()), "")
            rest = file
            if first.strip().startswith("[") or _OPENS_ARRAY.fullmatch(first.strip()):
                return _table(_of_document(first + file.read(_LARGEST)), [])
            odd: list[tuple[int, str]] = []
            objects = list(_of_lines(first, rest, odd))
        if odd and len(odd) > _MOST_ODD * (len(odd) + len(objects)) and len(odd) + len(objects) > 1 + len(odd):
            raise ValueError(f"line {odd[0][0]} is no JSON object: {odd[0][1][:60]}")
        if not objects:
            raise ValueError("has no line that is a JSON object")
        if len(objects) == 1 and not odd:
            objects = [one for one in _array_within(objects[0], _DEEPEST) or objects if isinstance(one, dict)]
        notes = []
        if odd:
            text = f"{len(odd)} lines are no JSON objects and are left out; the first is line {odd[0][0]}."
            notes.append(Note("rows_odd", text))
        return _table(objects, notes)


def _of_lines(first: str, rest: Iterable[str], odd: list[tuple[int, str]]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate([first, *([] if rest is None else rest)], start=1):
        text = line.strip().rstrip(",")
        if not text:
            continue
        one = _parsed(text)
        if isinstance(one, dict):
            yield one
        else:
            odd.append((number, text))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _of_document(text: str) -> list[dict[str, Any]]:
    """The objects of an array, or of the first array of objects in an object."""
    whole = _parsed(text)
    if whole is None:
        ends = (text.rfind(mark) for mark in ("}", "},", "}\n"))  # an array that is still written ends early
        whole = next((one for end in ends if end > 0 and (one := _parsed(f"{text[: end + 1]}]")) is not None), None)
    if whole is None:
        raise ValueError("begins like JSON, but is none: a bracket, comma or quote is missing")
    if isinstance(whole, dict):
        whole = _array_within(whole, _DEEPEST) or [whole]
    objects = [one for one in whole if isinstance(one, dict)] if isinstance(whole, list) else []
    if not objects:
        raise ValueError('is JSON, but no array of objects; write one object a line, like {"ts": 1, "rss": 2}')
    return objects


def _is_array(value: Any) -> bool:
    """Whether it is an array of objects."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _array_within(one: dict[str, Any], deepest: int) -> list[Any] | None:
    """The first array of objects in an object, or in one of those in it."""
    found: list[Any] | None = next((value for value in one.values() if _is_array(value)), None)
    inner = (value for value in one.values() if isinstance(value, dict) and deepest > 0)
    return found or next((array for each in inner if (array := _array_within(each, deepest - 1)) is not None), None)


def _table(objects: Sequence[dict[str, Any]], notes: list[Note]) -> Table:
    columns: dict[str, list[Any]] = {}
    for row, one in enumerate(objects):
        for name, value in _flat(one, ""):
            cells = columns.setdefault(name, [])
            cells.extend([None] * (row - len(cells)))
            if len(cells) == row:
                cells.append(value)
    size = len(objects)
    return Table(
        {name: _array([*cells, *[None] * (size - len(cells))]) for name, cells in columns.items()}, notes=tuple(notes)
    )


def _flat(one: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in one.items():
        if isinstance(value, dict) and len(prefix) < 200:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _array(cells: Sequence[Any]) -> Column:
    """Numbers where all cells are, NaN for a missing one; else text."""
    if all(cell is None or (isinstance(cell, int | float)) for cell in cells) and any(c is not None for c in cells):
        try:
            return np.array([np.nan if cell is None else cell for cell in cells], dtype=np.float64)
        except OverflowError:
            pass
    return np.array(
        [None if cell is None else cell if isinstance(cell, str) else json.dumps(cell) for cell in cells], object
    )
