"""The totals of ``pmap -x``: whole outputs in a loop, or only the last lines of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.tables.base import Format
from aging.tables.printout import KIB, Knowledge, Rows, lines, stamped, stamped_head
from aging.tables.table import Table

_TOTAL = re.compile(r"^\s*total kB\s+(\d+)\s+(\d+)\s+(\d+)\s*$")
_PROCESS = re.compile(r"^(\d+):\s+(\S.*)$")
_SIZES = ("Kbytes", "RSS", "Dirty")
_KNOWN = Knowledge(("PID", "COMMAND"), dict.fromkeys(_SIZES, KIB), identifiers=frozenset(("PID",)))


class Pmap(Format):
    kind: ClassVar[str] = "pmap"
    title: ClassVar[str] = "pmap -x, totals"
    made_by: ClassVar[str] = "while sleep 60; do date; pmap -x PID | tail -1; done"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        texts = stamped_head(head)
        mapped = (re.match(r"^Address\s+Kbytes\s+RSS\s+Dirty\s", text) for text in texts)
        return any(mapped) or any(map(_TOTAL.match, texts))

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        process: dict[str, str] = {}
        for line in stamped(lines(path)):
            if match := _PROCESS.match(line.text):
                process = {"PID": match[1], "COMMAND": match[2].strip()}
            elif match := _TOTAL.match(line.text):
                rows.add(line.time, {**process, **dict(zip(_SIZES, match.groups(), strict=True))})
        return rows.table(_KNOWN)
