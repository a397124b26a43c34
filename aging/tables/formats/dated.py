"""Any text table or number, printed in a loop after ``date``: the times are lines of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.stats.note import Note
from aging.tables.base import Format
from aging.tables.layout import HEADER_HINT, LayoutError, content_rows, layout_of
from aging.tables.printout import Knowledge, Line, Rows, is_time, lines, plain, stamped
from aging.tables.table import Table
from aging.tables.text import HEAD_LINES

_LEAST_TIMES = 2
_MOST_WITH_TIMES = 0.5


class Dated(Format):
    kind: ClassVar[str] = "dated"
    title: ClassVar[str] = "Any table or number below lines of date"
    made_by: ClassVar[str] = "`while sleep 60; do date; ls /proc/PID/fd | wc -l; done`"
    rank: ClassVar[int] = 4

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        times = Counter(is_time(plain(text)) for text in head if text.strip())
        if times[True] < _LEAST_TIMES or times[False] < _LEAST_TIMES:
            return False
        texts = [line for text in head if not is_time(plain(text)) for line in stamped([plain(text)])]
        if sum(line.time is not None for line in texts) > _MOST_WITH_TIMES * len(texts):
            return False  # a table whose rows begin with a time; where a cell says - the time is alone
        try:
            layout_of([line.text for line in stamped(map(plain, head))])
        except LayoutError:
            return False
        return True

    @classmethod
    def read(cls, path: Path) -> Table:
        found = list(stamped(lines(path)))
        layout = layout_of([line.text for line in found[:HEAD_LINES]])
        rows = Rows()
        for number, row in content_rows(iter([line.text for line in found]), layout):
            line: Line = found[number - 1]
            if len(row) == layout.width:
                rows.add(line.time, {name: cell or None for name, cell in zip(layout.names, row, strict=True) if name})
            else:
                rows.stranger(line)
        notes = []
        if layout.header is None:
            notes.append(Note("no_header", f"The file has no header: {HEADER_HINT.format(layout.width)}."))
        return rows.table(Knowledge(), notes=notes)
