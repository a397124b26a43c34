"""Mooncake: JSON lines with the shared blocks that prompts consist of, stamps in bins of 3 s (kvcache-ai/Mooncake).

``{"timestamp": ms, "input_length": n, "output_length": n, "hash_ids": [...]}``; equal hash ids are equal
blocks of 512 tokens, after equal blocks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aging.load.schedule.text_reader import UnreadableError, lines, number, tokens
from aging.load.traces.base import SECOND, Row, TraceFormat, Wrong

_TIME, _PROMPT, _OUTPUT, _BLOCKS = "timestamp", "input_length", "output_length", "hash_ids"
_BLOCK_IDS = 2**40


def recognises(path: Path) -> bool:
    if not path.is_file():
        return False
    first = next(lines(path), None)
    return isinstance(first, tuple) and first[1].startswith("{") and f'"{_PROMPT}"' in first[1]


def rows(path: Path) -> Iterator[Row | Wrong]:
    for line in lines(path):
        if isinstance(line, Wrong):
            yield line
            continue
        try:
            yield _row(*line)
        except UnreadableError as error:
            yield Wrong(line[0], error.column, error.what)


def _row(line: int, text: str) -> Row:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableError("", f"is not JSON: {text[:40]!r}") from None
    if not isinstance(fields, dict):
        raise UnreadableError("", f"is not a JSON object: {text[:40]!r}")
    if missing := [name for name in (_TIME, _PROMPT, _OUTPUT) if name not in fields]:
        raise UnreadableError(
            "", f"has no {', '.join(map(repr, missing))}; it has {', '.join(map(repr, fields))}"[:500]
        )
    at = number(_plain(fields, _TIME), _TIME)
    if at > 1e12:
        raise UnreadableError(_TIME, f"{at:g} is more than 30 years of milliseconds")
    output = tokens(_plain(fields, _OUTPUT), _OUTPUT)
    prompt = tokens(_plain(fields, _PROMPT), _PROMPT)
    return Row(line, round(at * (SECOND // 1000)), prompt, output, output == 0, blocks=_blocks(fields))


def _plain(fields: dict[str, Any], column: str) -> str:
    value = fields[column]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnreadableError(column, f"{str(value)[:40]!r} is not a number")
    return str(value)


def _blocks(fields: dict[str, Any]) -> tuple[int, ...]:
    ids = fields.get(_BLOCKS, [])
    fine = isinstance(ids, list) and all(type(each) is int and 0 <= each < _BLOCK_IDS for each in ids)
    if not fine:
        raise UnreadableError(_BLOCKS, "is not a list of whole numbers from 0 to 2^40")
    return tuple(ids)


MOONCAKE = TraceFormat("mooncake", _TIME, 3.0, recognises, rows)
