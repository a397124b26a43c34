"""``tasklist`` of Windows in a loop: the working set of each process, ``810,836 K`` of 1024 bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.tables.base import Format
from aging.tables.printout import Knowledge, Rows, lines, stamped, stamped_head
from aging.tables.table import Table

_HEADER = re.compile(r"^Image Name\s+PID\s+Session Name\s+Session#\s+Mem Usage")
_ROW = re.compile(r"^(\S.*?)\s+(\d+)\s+(?:Console|Services|RDP-\S+)?\s+\d+\s+(\d[\d,.\s’']*) K\b")
_KNOWN = Knowledge(("PID", "Image Name"), identifiers=frozenset(("PID",)))


class Tasklist(Format):
    kind: ClassVar[str] = "tasklist"
    title: ClassVar[str] = "tasklist (Windows)"
    made_by: ClassVar[str] = 'tasklist /fi "imagename eq ollama.exe" >> usage.log'

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        texts = stamped_head(head)
        return any(map(_HEADER.match, texts)) or (bool(texts) and all(map(_ROW.match, texts[:5])))

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        for line in stamped(lines(path)):
            if match := _ROW.match(line.text):
                size = re.sub(r"\D", "", match[3])
                rows.add(line.time, {"PID": match[2], "Image Name": match[1], "Mem Usage": f"{size} KiB"})
            elif not _HEADER.match(line.text) and set(line.text) - {"=", " "}:
                rows.stranger(line)
        return rows.table(_KNOWN)
