"""``vmstat``, with or without times, wide or not, active or buffered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.core.measure import Measure
from aging.stats.note import Note
from aging.tables.base import Format
from aging.tables.host_memory import unit_of
from aging.tables.printout import KIB_PER_SECOND, PERCENT, Knowledge, Rows, lines, stamped, stamped_head
from aging.tables.table import Table

_HEADER = re.compile(r"^\s*r\s+b\s+swpd\s+free\s")
_GROUPS = re.compile(r"^-*procs-*\s+-+\s?memory")
_TIMED = re.compile(r"^(?P<values>.*?)\s+(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\s*$")
_MEMORY = ("swpd", "free", "buff", "cache", "inact", "active")
_MEASURES = {
    **dict.fromkeys(("us", "sy", "idle", "wa", "st", "gu"), PERCENT),
    **dict.fromkeys(("si", "so", "bi", "bo"), KIB_PER_SECOND),
    **dict.fromkeys(("in", "cs"), Measure(rate=True)),
}


class Vmstat(Format):
    kind: ClassVar[str] = "vmstat"
    title: ClassVar[str] = "vmstat"
    made_by: ClassVar[str] = "vmstat -t -n 60"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        return any(map(_HEADER.match, stamped_head(head)))

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        names: list[str] = []
        zone = ""
        bare: list[int] = []
        for line in stamped(lines(path)):
            if _HEADER.match(line.text):
                names = ["idle" if name == "id" else name for name in line.text.split() if name.islower()]
                zone = next((name for name in line.text.split() if name == "UTC"), "")
                continue
            timed = _TIMED.match(line.text)
            cells = (timed["values"] if timed else line.text).split()
            if names and len(cells) == len(names) and all(cell.isdecimal() for cell in cells):
                row = dict(zip(names, cells, strict=True))
                rows.add(f"{timed['time']} {zone}".strip() if timed else line.time, row)
                bare += [int(row[name]) for name in _MEMORY if name in row]
            elif not _GROUPS.match(line.text):
                rows.stranger(line)
        measure, note = unit_of(bare, "vmstat")
        notes: tuple[Note, ...] = (note,) if note else ()
        return rows.table(Knowledge(measures={**dict.fromkeys(_MEMORY, measure), **_MEASURES}), notes=notes)
