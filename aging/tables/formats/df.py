"""``df`` in a loop, of bytes or inodes: each mounted file system is a series."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.core.measure import PLAIN, Measure
from aging.tables.base import Format
from aging.tables.printout import KIB, MIB, PERCENT, Knowledge, Rows, lines, of_limit, stamped, stamped_head
from aging.tables.table import Table

_HEADER = re.compile(
    r"^Filesystem\s+(?:Type\s+)?(1K-blocks|1024-blocks|1M-blocks|Size|Inodes)\s+I?Used\s+\S+\s+\S+%?\s+Mounted on"
)
_PLACE = "Mounted on"
_MEASURES: dict[str, Measure] = {"1K-blocks": KIB, "1024-blocks": KIB, "1M-blocks": MIB}


class Df(Format):
    kind: ClassVar[str] = "df"
    title: ClassVar[str] = "df in a loop"
    made_by: ClassVar[str] = "while sleep 60; do date; df -h /var; done"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        return any(map(_HEADER.match, stamped_head(head)))

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        names: list[str] = []
        measures: dict[str, Measure] = {}
        for line in stamped(lines(path)):
            if match := _HEADER.match(line.text):
                names = [*line.text.split()[:-2], _PLACE]
                size = _MEASURES.get(match[1], PLAIN)
                measures = {name: PERCENT if name.endswith("%") else size for name in names[-5:-1]}
            elif names and len(cells := line.text.split(None, len(names) - 1)) == len(names):
                row = dict(zip(names, (cell.strip() for cell in cells), strict=True))
                used, total = names[-4], names[-5]
                rows.add(line.time, {**row, used: of_limit(row[used], row[total])})
            else:
                rows.stranger(line)
        known = {name: measure for name, measure in measures.items() if measure != PLAIN}
        return rows.table(Knowledge((_PLACE,), known))
