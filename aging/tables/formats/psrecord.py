"""The log of ``psrecord``: elapsed seconds, CPU, and memory, whose ``MB`` are of 1024 × 1024 bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.tables.base import Format
from aging.tables.printout import MIB, PERCENT, SECONDS, Knowledge, Rows, lines, plain
from aging.tables.table import Table

_HEADER = re.compile(r"^#\s*Elapsed time\s{2,}CPU \(%\)\s{2,}Real \(MB\)")
_TIME = "Elapsed time (s)"
_KNOWN = Knowledge(
    measures={_TIME: SECONDS, "CPU (%)": PERCENT, "Real (MB)": MIB, "Virtual (MB)": MIB},
    counters=frozenset(("Read count", "Write count", "Read bytes", "Write bytes")),
)


class Psrecord(Format):
    kind: ClassVar[str] = "psrecord"
    title: ClassVar[str] = "psrecord"
    made_by: ClassVar[str] = "psrecord PID --interval 10 --log usage.txt"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        return any(_HEADER.match(plain(text)) for text in head)

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        names: list[str] = []
        for text in lines(path):
            if _HEADER.match(text):
                names = [_TIME, *re.split(r"\s{2,}", text.lstrip("# ").strip())[1:]]
            elif names and len(cells := text.split()) == len(names):
                rows.add(None, dict(zip(names, cells, strict=True)))
        return rows.table(_KNOWN, time=_TIME)
