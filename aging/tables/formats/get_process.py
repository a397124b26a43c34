"""PowerShell's ``Get-Process`` in a loop, its table: sizes in units of 1024 bytes, seconds of CPU."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.core.measure import Measure
from aging.tables.base import Format
from aging.tables.printout import KIB, MIB, SECONDS, Knowledge, Rows, lines, stamped, stamped_head
from aging.tables.table import Table

_HEADER = re.compile(r"^\s*(?:Handles\s+)?NPM\([KM]\)\s+PM\([KM]\)\s+WS\([KM]\)\s.*CPU\(s\)\s+Id\s.*ProcessName")
_CPU = "CPU(s)"
_UNITS = {"(K)": KIB, "(M)": MIB, "(s)": SECONDS}


class GetProcess(Format):
    kind: ClassVar[str] = "get-process"
    title: ClassVar[str] = "Get-Process (PowerShell)"
    made_by: ClassVar[str] = "while (1) { Get-Date -Format s; Get-Process ollama; sleep 60 }"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        return any(map(_HEADER.match, stamped_head(head)))

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        names: list[str] = []
        measures: dict[str, Measure] = {}
        for line in stamped(lines(path)):
            if _HEADER.match(line.text):
                names = line.text.split()
                measures |= {name: known for name in names if (known := _UNITS.get(name[-3:]))}
            elif names and set(line.text) - {"-", " "}:
                cells = line.text.split(None, len(names) - 1)
                present = names if len(cells) == len(names) else [name for name in names if name != _CPU]
                row = dict(zip(present, cells, strict=False))
                if len(cells) == len(present) and row["Id"].isdecimal():
                    rows.add(line.time, row)
                else:
                    rows.stranger(line)
        labels = ("Id", "ProcessName")
        return rows.table(Knowledge(labels, measures, frozenset((_CPU,)), frozenset(("Id", "SI"))))
