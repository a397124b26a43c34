"""The data file of memory_profiler's ``mprof run``: memory in MiB by epoch time, of the process and its children."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.tables.base import Format
from aging.tables.printout import MIB, Knowledge, Rows, lines, plain
from aging.tables.table import Table

_MEMORY = re.compile(r"^(?:MEM|CHLD (\d+)) (-?[\d.]+) (\d{9,10}(?:\.\d+)?)\s*$")
_OTHER = re.compile(r"^(?:CMDLINE|FUNC) ")
_MAIN = "main"
_KNOWN = Knowledge(("process",), {"memory": MIB})


class Mprof(Format):
    kind: ClassVar[str] = "mprof"
    title: ClassVar[str] = "mprof (memory_profiler)"
    made_by: ClassVar[str] = "mprof run --interval 10 COMMAND"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        texts = [plain(text) for text in head if text.strip()][:5]
        return any(map(_MEMORY.match, texts)) and all(_MEMORY.match(text) or _OTHER.match(text) for text in texts)

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        for text in lines(path):
            if match := _MEMORY.match(text):
                child, memory, time = match.groups()
                if not float(memory):  # a process that has ended
                    continue
                rows.add(time, {"process": f"child {child}" if child else _MAIN, "memory": memory})
        return rows.table(_KNOWN)
