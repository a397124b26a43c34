"""``ps`` in a loop: with any columns under its own header, or lines of ``ps aux`` that grep has taken out of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from aging.tables.base import Format
from aging.tables.printout import (
    KIB,
    PERCENT,
    SECONDS,
    Knowledge,
    Rows,
    lines,
    no_header,
    stamped,
    stamped_head,
    without_times,
)
from aging.tables.table import Table

_SIZES = ("RSS", "RSZ", "VSZ", "SIZE", "PSS", "USS", "TRS", "DRS")
_WORDS = frozenset((*_SIZES, "SZ", "%MEM", "%CPU", "C", "NLWP", "THCNT", "MAJFLT", "MINFLT"))
_ALONE = frozenset(("RSS", "RSZ", "VSZ", "%MEM", "%CPU", "NLWP", "THCNT"))
_OTHERS = frozenset(("TIME+", "RES", "Swap", "SHR", "Kbytes", "Command"))
_LONGEST = 60
_COMMANDS = ("COMMAND", "CMD", "COMM", "ARGS")
_AUX = re.compile(
    r"^\S+\s+\d+\s+\d+(?:\.\d)?\s+\d+(?:\.\d)?\s+\d+\s+\d+\s+(?:\?\??|pts/\d+|tty\w*|s\d+)\s+[A-Z][A-Za-z<+]*\s+\S+\s+"
    r"[\d:.-]+\s+\S"
)
_NAMES = ("USER", "PID", "%CPU", "%MEM", "VSZ", "RSS", "TTY", "STAT", "START", "TIME", "COMMAND")
_CPU_TIME, _AGE = "CPU time", "elapsed"
_DURATIONS = {"TIME": _CPU_TIME, "CPUTIME": _CPU_TIME, "TIMES": _CPU_TIME, "ELAPSED": _AGE}
_TEXTS = ("PID", "PPID", "UID", "USER", "TTY", "TT", "STAT", "S", "START", "STIME", "STARTED", "PRI", "NI", "F", "PGID")
_KNOWN = Knowledge(
    labels=("PID", *_COMMANDS),
    measures={**dict.fromkeys(_SIZES, KIB), "%CPU": PERCENT, "%MEM": PERCENT, _CPU_TIME: SECONDS, _AGE: SECONDS},
    counters=frozenset((_CPU_TIME, "MAJFLT", "MINFLT")),
    identifiers=frozenset((*_TEXTS, _AGE)),
)


class Ps(Format):
    kind: ClassVar[str] = "ps"
    title: ClassVar[str] = "ps in a loop"
    made_by: ClassVar[str] = "while sleep 60; do date; ps -o pid,rss,vsz,nlwp,comm -p PID; done"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        texts = stamped_head(head)
        return any(map(_is_header, texts)) or (bool(texts) and all(map(_AUX.match, texts[:5])))

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        names: Sequence[str] = ()
        aged = headed = False
        for line in stamped(lines(path)):
            if _is_header(line.text):
                names, headed = line.text.split(), True
                aged = aged or "ELAPSED" in names
                continue
            names = names or (_NAMES if _AUX.match(line.text) else ())
            text, time = line.text, line.time
            if names and time is not None and names[0] == "ELAPSED":  # it looks like a time before the row
                text, time = f"{time} {text}", None
            columns = names if time is None else without_times(names)
            cells = _cut(text, columns)
            if columns and len(cells) == len(columns) and _is_row(columns, cells):
                rows.add(time, dict(_cells(columns, cells)))
            else:
                rows.stranger(line)
        notes = () if headed else (no_header("ps aux", _NAMES),)
        return rows.table(_KNOWN, time=_AGE if aged else None, notes=notes)


def _is_header(text: str) -> bool:
    words = text.split()
    if len(words) == 1:
        return words[0] in _ALONE
    return (
        not _WORDS.isdisjoint(words)
        and ("PID" in words or words[-1] in _COMMANDS or set(words) <= _WORDS | {"ELAPSED", "TIME"})
        and _OTHERS.isdisjoint(words)
        and all(not word.isdecimal() for word in words)
    )


def _cut(text: str, names: Sequence[str]) -> list[str]:
    """The cells of a row; a command holds blanks, wherever it stands."""
    command = next((place for place, name in enumerate(names) if name in _COMMANDS), len(names) - 1)
    if command in {-1, len(names) - 1}:
        return text.split(None, max(len(names) - 1, 0))
    left = text.split(None, command)
    if len(left) <= command:
        return []
    return [*left[:command], *left[command].rsplit(None, len(names) - 1 - command)]


def _is_row(names: Sequence[str], cells: Sequence[str]) -> bool:
    """Whether the columns of numbers hold numbers."""
    pairs = dict(zip(names, cells, strict=True))
    numbers = [pairs[name] for name in ("PID", *_SIZES) if name in pairs]
    return all(cell.strip().isdecimal() for cell in numbers)


def _cells(names: Sequence[str], cells: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name, cell in zip(names, cells, strict=True):
        text = cell.strip()
        shown = f"{text[:_LONGEST]}…" if name in _COMMANDS and len(text) > _LONGEST else text
        yield _DURATIONS.get(name, name), shown
