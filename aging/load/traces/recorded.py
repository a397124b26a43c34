"""Request records of a campaign: the `requests` folder of a result directory, sealed hours and the open one.

Records are in the order in which requests ended; they are put back into the order in which they were due, two files
at a time, three numbers a request. Lengths are those that were asked for; the outcome of a request is not replayed.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aging.load.schedule.text_reader import MOST_TOKENS
from aging.load.traces.base import SECOND, Row, TraceFormat, Wrong
from aging.store.segments import LIVE, parse_line, segments

_TIME, _PROMPT, _OUTPUT = "scheduled", "prompt_tokens", "output_tokens_asked"
_COLUMNS = (_TIME, _PROMPT, _OUTPUT)
_LARGEST = np.array([1e9, MOST_TOKENS, MOST_TOKENS])

_Records = NDArray[np.float64]
"""One row a request: seconds, prompt and output tokens; shape (n, 3), not known as NaN."""


def recognises(path: Path) -> bool:
    return path.is_dir() and next(segments(path), None) is not None


def rows(path: Path) -> Iterator[Row | Wrong]:
    """Lines are counted in the order of the requests."""
    waiting: _Records = np.empty((0, 3))
    line = 0
    for segment in segments(path):
        try:
            records = _live(segment) if segment.name.endswith(LIVE) else _sealed(segment)
        except (OSError, ValueError) as error:  # Arrow's are ValueErrors
            yield Wrong(0, "", f"{segment.name} cannot be read: {str(error).splitlines()[0][:120]}")
            return
        if (wrong := _wrong(records)) is not None:
            yield Wrong(0, "", f"{segment.name}, {wrong}")
            return
        # What ended in this file may have been due before all of it, but not before the file before.
        settled = waiting[-1, 0] if len(waiting) else -np.inf
        waiting = np.concatenate([waiting, records])
        waiting = waiting[np.argsort(waiting[:, 0], kind="stable")]
        due = int(np.searchsorted(waiting[:, 0], settled, side="right"))
        for record in waiting[:due]:
            line += 1
            yield _row(line, record)
        waiting = waiting[due:]
    for record in waiting:
        line += 1
        yield _row(line, record)


def _row(line: int, record: _Records) -> Row:
    at, prompt, output = record.tolist()
    return Row(line, round(at * SECOND), int(prompt), int(output))


def _wrong(records: _Records) -> str | None:
    """What is wrong with the first record that is not of a request."""
    (bad,) = np.nonzero(~np.all((records >= 0) & (records <= _LARGEST), axis=1))
    if not bad.size:
        return None
    at, prompt, output = records[bad[0]].tolist()
    values = f"{_TIME} {at:g} s, {_PROMPT} {prompt:g}, {_OUTPUT} {output:g}"
    return f"record {bad[0] + 1} is not that of a request: {values}"


def _live(segment: Path) -> _Records:
    numbers = array("d")
    with segment.open("rb") as lines:
        for line in lines:
            if (record := parse_line(line)) is not None:
                numbers.extend(_number(record.get(column)) for column in _COLUMNS)
    return np.array(numbers).reshape(-1, 3)


def _number(value: object) -> float:
    return float(value) if isinstance(value, float | int) else float("nan")


def _sealed(segment: Path) -> _Records:
    from aging.store.parquet import parquet  # noqa: PLC0415 - pyarrow: 60 MB that only sealed hours need

    with parquet(segment) as sealed:
        if missing := [column for column in _COLUMNS if column not in sealed.schema_arrow.names]:
            raise ValueError(f"it has no column {', '.join(map(repr, missing))}, so it holds no requests")
        table = sealed.read(list(_COLUMNS))
        return np.column_stack([table[column].cast("float64").to_numpy() for column in _COLUMNS])


RECORDED = TraceFormat("recorded", _TIME, 0.0, recognises, rows)
