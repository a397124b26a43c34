"""Access logs of Gin, the web framework of Ollama and LocalAI: the latency of each request, by its path."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.core.measure import Measure
from aging.tables.base import Format
from aging.tables.printout import Knowledge, Rows, lines, plain
from aging.tables.table import Table

_LINE = re.compile(
    r"\[GIN\] (\d{4}/\d\d/\d\d) - (\d\d:\d\d:\d\d) \|\s*(\d{3})\s*\|\s*(\S+)\s*\|\s*\S+\s*\|\s*([A-Z]+)\s+\"([^\"?]*)"
)
_KNOWN = Knowledge(("request",), {"latency": Measure("s", "s")}, identifiers=frozenset(("status",)))


class GinLog(Format):
    kind: ClassVar[str] = "gin-log"
    title: ClassVar[str] = "log of Ollama, LocalAI and others on Gin"
    made_by: ClassVar[str] = "ollama serve 2>&1 | tee ollama.log"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        return any(_LINE.search(plain(text)) for text in head)

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        for text in lines(path):
            if match := _LINE.search(text):
                day, clock, status, latency, method, target = match.groups()
                row = {"request": f"{method} {target}", "latency": latency, "status": status}
                rows.add(f"{day.replace('/', '-')} {clock}", row)
        return rows.table(_KNOWN)
