"""sysstat's ``sar``, of any of its tables: those of one time side by side, one of an interface or device under it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.core.measure import Measure
from aging.tables.base import Format
from aging.tables.printout import Knowledge, Rows, lines, plain
from aging.tables.sysstat import is_banner, measure_of, names_of, rows
from aging.tables.table import Table

_ITEMS = frozenset(("CPU", "IFACE", "DEV", "TTY", "INTR", "FILESYSTEM", "BUS", "TEMP", "FAN"))
_ALL = frozenset(("all", "sum"))


class Sar(Format):
    kind: ClassVar[str] = "sar"
    title: ClassVar[str] = "sar (sysstat)"
    made_by: ClassVar[str] = "sar -r -S 60"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        texts = [plain(text) for text in head]
        named = [names for names in map(names_of, texts) if names]
        return bool(named) and any(map(is_banner, texts)) and all(names[-1] != "Command" for names in named)

    @classmethod
    def read(cls, path: Path) -> Table:
        table = Rows()
        measures: dict[str, Measure] = {}
        found = list(rows(lines(path)))
        restarted = len({row.boot for row in found}) > 1
        for row in found:
            first = row.names[0]
            item = row.cells[0] if first in _ITEMS else None
            start = 0 if item is None else 1
            of = "" if item is None or item in _ALL else f"[{item}]"
            names = [f"{name}{of}" for name in row.names[start:]]
            measures |= {name: known for name in names if (known := measure_of(name))}
            boot = {"boot": str(row.boot)} if restarted else {}
            table.join(row.time, boot, dict(zip(names, row.cells[start:], strict=True)))
        return table.table(Knowledge(measures=measures, identifiers=frozenset(("boot",))))
