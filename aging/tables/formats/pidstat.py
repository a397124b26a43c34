"""sysstat's ``pidstat``, of any of its tables: those of one process at one time side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.tables.base import Format
from aging.tables.printout import KIB, KIB_PER_SECOND, PERCENT, Knowledge, Rows, lines, plain
from aging.tables.sysstat import names_of, rows
from aging.tables.table import Table

_SUBJECTS = ("PID", "TGID", "TID", "Command")
_IDENTIFIERS = frozenset(("UID", "USER", "PID", "TGID", "TID", "CPU"))
_MEASURES = {
    **dict.fromkeys(("VSZ", "RSS", "StkSize", "StkRef"), KIB),
    **dict.fromkeys(("%MEM", "%CPU", "%usr", "%system", "%guest", "%wait"), PERCENT),
    **dict.fromkeys(("kB_rd/s", "kB_wr/s", "kB_ccwr/s"), KIB_PER_SECOND),
}


class Pidstat(Format):
    kind: ClassVar[str] = "pidstat"
    title: ClassVar[str] = "pidstat (sysstat)"
    made_by: ClassVar[str] = "pidstat -r -v -p PID 60"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        return any(_is_of_processes(names_of(plain(text))) for text in head)

    @classmethod
    def read(cls, path: Path) -> Table:
        table = Rows()
        found: dict[str, None] = {}
        for row in rows(lines(path)):
            cells = dict(zip(row.names, row.cells, strict=True))
            if not _is_of_processes(row.names) or cells.get("TID", "-") != "-":
                continue  # a thread shares the memory of its process
            subject = {name: cells[name].lstrip("|_") for name in _SUBJECTS if name in cells and name != "TID"}
            found |= dict.fromkeys(subject)
            others = {name: cell for name, cell in cells.items() if name not in _SUBJECTS and name not in _IDENTIFIERS}
            table.join(row.time, subject, others)
        return table.table(Knowledge(tuple(found), _MEASURES, identifiers=_IDENTIFIERS))


def _is_of_processes(names: Sequence[str]) -> bool:
    return bool(names) and names[-1] == "Command" and not {"PID", "TGID"}.isdisjoint(names)
