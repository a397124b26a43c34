"""Our own request records: the `requests` folder of a result directory, sealed hours and the open one.

Records are in the order in which requests ended; they are put back into the order in which they were due, two files
at a time. Lengths are those that were asked for; what became of a request is not replayed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aging.load.textlines import MOST_TOKENS
from aging.load.traces import SECOND, Row, TraceFormat, Wrong
from aging.store.segments import LIVE, read_live, segments

_TIME, _PROMPT, _OUTPUT = "scheduled", "prompt_tokens", "output_tokens_asked"
_COLUMNS = (_TIME, _PROMPT, _OUTPUT)
_MOST_SECONDS = 1e9

_Record = tuple[float, int, int]


def recognises(path: Path) -> bool:
    return path.is_dir() and next(segments(path), None) is not None


def rows(path: Path) -> Iterator[Row | Wrong]:
    """Lines are counted in the order of the requests."""
    waiting: list[_Record] = []
    line = 0
    for segment in segments(path):
        records: list[_Record] = []
        for each in _records(segment):
            if isinstance(each, Wrong):
                yield each
                return
            records.append(each)
        if not records:
            continue
        # What ended in this file may have been due before all of it, but not before the file before.
        latest = max(waiting)[0] if waiting else float("-inf")
        waiting = sorted(waiting + records)
        for record in waiting:
            if record[0] > latest:
                break
            line += 1
            yield _row(line, record)
        waiting = [record for record in waiting if record[0] > latest]
    for record in waiting:
        line += 1
        yield _row(line, record)


def _row(line: int, record: _Record) -> Row:
    at, prompt, output = record
    return Row(line, round(at * SECOND), prompt, output)


def _records(segment: Path) -> Iterator[_Record | Wrong]:
    try:
        raw = _raw(segment)
    except (OSError, ValueError) as error:  # Arrow's are ValueErrors
        yield Wrong(0, "", f"{segment.name} cannot be read: {str(error).splitlines()[0][:120]}")
        return
    for number, record in enumerate(raw, 1):
        at, prompt, output = (record.get(column) for column in _COLUMNS)
        if not isinstance(at, float | int) or not isinstance(prompt, int) or not isinstance(output, int):
            yield Wrong(
                0, "", f"{segment.name}, record {number}, is not one of a request: it needs {', '.join(_COLUMNS)}"
            )
            return
        if not 0 <= at < _MOST_SECONDS or not 0 <= prompt <= MOST_TOKENS or not 0 <= output <= MOST_TOKENS:
            yield Wrong(
                0, "", f"{segment.name}, record {number}: {at:g} s, {prompt} and {output} tokens are out of range"
            )
            return
        yield float(at), prompt, output


def _raw(segment: Path) -> list[dict[str, object]]:
    if segment.name.endswith(LIVE):
        return list(read_live(segment).rows)
    import pyarrow.parquet as pq  # noqa: PLC0415 - 60 MB that only sealed hours need

    with pq.ParquetFile(segment) as sealed:
        known = [column for column in _COLUMNS if column in sealed.schema_arrow.names]
        records: list[dict[str, object]] = sealed.read(known).to_pylist()
        return records


RECORDED = TraceFormat("recorded", _TIME, 0.0, recognises, rows)
