"""``free`` in a loop, in any unit: the lines of memory and swap of each sample side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.stats.note import Note
from aging.tables.base import Format
from aging.tables.host_memory import unit_of
from aging.tables.printout import Knowledge, Rows, lines, of_limit, stamped, stamped_head
from aging.tables.table import Table

_HEADER = re.compile(r"^\s*total\s+used\s+free\b")
_LINE = re.compile(r"^(Mem|Swap|Total|Low|High|-/\+ buffers/cache):((?:\s+[\d.,]+(?:[KMGTPE]i?|B)?)+)\s*$")
_NAMES = ("total", "used", "free", "shared", "buff/cache", "available")


class Free(Format):
    kind: ClassVar[str] = "free"
    title: ClassVar[str] = "free in a loop"
    made_by: ClassVar[str] = "while sleep 60; do date; free -m; done"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        texts = stamped_head(head)
        return any(map(_LINE.match, texts)) and all(_LINE.match(text) or _HEADER.match(text) for text in texts[:6])

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        names: Sequence[str] = _NAMES
        bare: list[int] = []
        found: dict[str, None] = {}
        for line in stamped(lines(path)):
            if match := _LINE.match(line.text):
                what, cells = match[1], match[2].split()
                of = ("used", "free") if what.startswith("-") else names
                values = {f"{what} {name}": cell for name, cell in zip(of, cells, strict=False)}
                if (used := f"{what} used") in values:
                    values[used] = of_limit(values[used], values.get(f"{what} total"))
                rows.join(line.time, {}, values)
                found |= dict.fromkeys(values)
                bare += [int(cell) for cell in cells if cell.isdecimal()]
            elif _HEADER.match(line.text):
                names = line.text.split()
            else:
                rows.stranger(line)
        measure, note = unit_of(bare, "free")
        notes: tuple[Note, ...] = (note,) if note else ()
        return rows.table(Knowledge(measures=dict.fromkeys(found, measure)), notes=notes)
