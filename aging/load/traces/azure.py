"""Azure LLM inference traces: CSV with a date and seven decimals (Azure/AzurePublicDataset, CC-BY-4.0).

``TIMESTAMP,ContextTokens,GeneratedTokens``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from aging.load.schedule.text_reader import UnreadableError, csv_rows, lines, tokens
from aging.load.traces.base import SECOND, Row, TraceFormat, Wrong

_TIME, _PROMPT, _OUTPUT = "TIMESTAMP", "ContextTokens", "GeneratedTokens"
_SECONDS = len("2023-11-16 18:15:46")


def recognises(path: Path) -> bool:
    if not path.is_file():
        return False
    first = next(lines(path), None)
    return isinstance(first, tuple) and (_PROMPT in first[1] or _OUTPUT in first[1])


def rows(path: Path) -> Iterator[Row | Wrong]:
    for each in csv_rows(path, (_TIME, _PROMPT, _OUTPUT)):
        if isinstance(each, Wrong):
            yield each
            continue
        line, cells = each
        try:
            prompt, output = tokens(cells[1], _PROMPT), tokens(cells[2], _OUTPUT)
            yield Row(line, _nanoseconds(cells[0]), prompt, output, output == 0)
        except UnreadableError as error:
            yield Wrong(line, error.column, error.what)


def _nanoseconds(text: str) -> int:
    """Nanoseconds since 1970 of ``2023-11-16 18:15:46.6805900``, with or without ``+00:00``."""
    stamp = text.strip().removesuffix("Z").removesuffix("+00:00")
    fraction = stamp[_SECONDS + 1 :]
    try:
        seconds = _epoch_seconds(stamp[:_SECONDS])
    except ValueError:
        raise UnreadableError(_TIME, f"{text[:40]!r} is not a time like 2023-11-16 18:15:46.6805900") from None
    if stamp[_SECONDS : _SECONDS + 1] not in ("", ".") or not (fraction.isdecimal() or not fraction):
        raise UnreadableError(_TIME, f"{text[:40]!r} is not a time like 2023-11-16 18:15:46.6805900")
    return seconds * SECOND + int(fraction[:9].ljust(9, "0"))


@lru_cache(maxsize=4)
def _epoch_seconds(text: str) -> int:
    return int(datetime.strptime(text.replace("T", " "), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp())


AZURE = TraceFormat("azure", _TIME, 0.0, recognises, rows)
