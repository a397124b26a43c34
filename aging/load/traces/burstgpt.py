"""BurstGPT: CSV, stamps in whole seconds; newer files have two columns more (HPMLL/BurstGPT, CC-BY-4.0).

``Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type``, and since its second version
``Session ID`` and ``Elapsed time``. A row with no response tokens is a failure.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aging.load.schedule.text_reader import UnreadableError, csv_rows, lines, number, tokens
from aging.load.traces.base import SECOND, Row, TraceFormat, Wrong

_TIME, _PROMPT, _OUTPUT = "Timestamp", "Request tokens", "Response tokens"


def recognises(path: Path) -> bool:
    if not path.is_file():
        return False
    first = next(lines(path), None)
    return isinstance(first, tuple) and (_PROMPT in first[1] or _OUTPUT in first[1])


def rows(path: Path) -> Iterator[Row | Wrong]:
    for each in csv_rows(path, (_TIME, _PROMPT, _OUTPUT), ("Session ID", "Model", "Log Type")):
        if isinstance(each, Wrong):
            yield each
            continue
        line, cells = each
        try:
            yield _row(line, cells)
        except UnreadableError as error:
            yield Wrong(line, error.column, error.what)


def _row(line: int, cells: tuple[str, ...]) -> Row:
    stamp, asked, answered, session, model, log_type = cells
    at = number(stamp, _TIME)
    if at > 1e9:
        raise UnreadableError(_TIME, f"{stamp!r} is more than 30 years of seconds")
    prompt, output = tokens(asked, _PROMPT), tokens(answered, _OUTPUT)
    return Row(line, round(at * SECOND), prompt, output, output == 0, session, model, log_type)


BURSTGPT = TraceFormat("burstgpt", _TIME, 1.0, recognises, rows)
