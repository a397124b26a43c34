"""``rocm-smi`` of AMD in a loop: a line a value, ``GPU[0] : VRAM Total Used Memory (B): 10850304``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.tables.base import Format
from aging.tables.printout import Knowledge, Rows, lines, of_limit, stamped, stamped_head
from aging.tables.table import Table

_LINE = re.compile(r"^GPU\[(\d+)\]\s*:\s*(\S[^:]*?)\s*:\s*(\S+)\s*$")
_USED = re.compile(r"^(.* Total) Used (Memory .*)$")
_KNOWN = Knowledge(("GPU",), identifiers=frozenset(("GPU",)))


class RocmSmi(Format):
    kind: ClassVar[str] = "rocm-smi"
    title: ClassVar[str] = "rocm-smi (AMD)"
    made_by: ClassVar[str] = "while sleep 60; do date; rocm-smi --showmeminfo vram; done"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        return any(map(_LINE.match, stamped_head(head)))

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        totals: dict[tuple[str, str], str] = {}
        for line in stamped(lines(path)):
            if match := _LINE.match(line.text):
                gpu, name, cell = match.groups()
                if used := _USED.match(name):
                    cell = of_limit(cell, totals.get((gpu, f"{used[1]} {used[2]}")))
                totals[gpu, name] = cell
                rows.join(line.time, {"GPU": gpu}, {name: cell})
        return rows.table(_KNOWN)
