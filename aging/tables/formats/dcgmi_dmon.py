"""``dcgmi dmon``: a row an entity under short names of fields; frame buffers are in units of 1024 × 1024 bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.core.measure import Measure
from aging.tables.base import Format
from aging.tables.printout import MIB, PERCENT, Knowledge, Rows, lines, stamped, stamped_head
from aging.tables.table import Table

_HEADER = re.compile(r"^#\s*Entity\s+(\S.*?)\s*$")
_ROW = re.compile(r"^(GPU|GPU-I|GPU-CI|MIG|CPU|Switch|Link)\s(\S+)\s+(\S.*?)\s*$")
_LABEL = "Entity"
_MEASURES = {
    **dict.fromkeys(("FBTTL", "FBFRE", "FBUSD", "FBRSV"), MIB),
    **dict.fromkeys(("GPUTL", "MCUTL", "ENCUTL", "DECUTL"), PERCENT),
    "POWER": Measure("", "W"),
    "TMPTR": Measure("", "C"),
    "MMTMP": Measure("", "C"),
}


class DcgmiDmon(Format):
    kind: ClassVar[str] = "dcgmi-dmon"
    title: ClassVar[str] = "dcgmi dmon"
    made_by: ClassVar[str] = "dcgmi dmon -e 252,203 -d 60000"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        return any(map(_HEADER.match, stamped_head(head)))

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        names: list[str] = []
        for line in stamped(lines(path)):
            if match := _HEADER.match(line.text):
                names = match[1].split()
            elif match := _ROW.match(line.text):
                cells = match[3].split()
                if len(cells) == len(names):
                    rows.add(line.time, {_LABEL: f"{match[1]} {match[2]}", **dict(zip(names, cells, strict=True))})
                else:
                    rows.stranger(line)
        return rows.table(Knowledge((_LABEL,), _MEASURES))
