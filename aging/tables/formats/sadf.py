"""sysstat's ``sadf -d`` (semicolons, a header with ``#``) and ``sadf -p`` (a value a line)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.core.measure import Measure
from aging.tables.base import Format
from aging.tables.printout import Knowledge, Rows, lines, plain
from aging.tables.sysstat import measure_of
from aging.tables.table import Table

_HEADER = "# hostname;interval;timestamp"
_ITEMS = frozenset(("CPU", "IFACE", "DEV", "TTY", "INTR", "FILESYSTEM", "MOUNTPOINT", "BUS", "TEMP", "FAN"))
_ALL = frozenset(("-1", "all"))
_VALUE = re.compile(
    r"^(?P<host>\S+)\t(?P<interval>-?\d+)\t(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?: UTC)?|\d{10})\t"
    r"(?P<item>\S+)\t(?P<name>\S+)\t(?P<value>-?[\d.]+)$"
)


class Sadf(Format):
    kind: ClassVar[str] = "sadf"
    title: ClassVar[str] = "sadf -d, sadf -p (sysstat)"
    made_by: ClassVar[str] = "sadf -d -- -r -S"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        texts = [plain(text) for text in head if text.strip()]
        return any(text.startswith(_HEADER) for text in texts) or (bool(texts) and all(map(_VALUE.match, texts[:5])))

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        measures: dict[str, Measure] = {}
        names: list[str] = []
        for text in lines(path):
            if text.startswith(_HEADER):
                names = text.split(";")[3:]
            elif match := _VALUE.match(text):
                values = _named({match["name"]: match["value"]}, match["item"].strip("-"))
                rows.join(match["time"], {"hostname": match["host"]}, values)
                measures |= {name: known for name in values if (known := measure_of(name))}
            elif names and len(cells := text.split(";")) == len(names) + 3:
                row = dict(zip(names, cells[3:], strict=True))
                item = next((row.pop(name) for name in names if name in _ITEMS), "")
                values = _named(row, item)
                rows.join(cells[2], {"hostname": cells[0]}, values)
                measures |= {name: known for name in values if (known := measure_of(name))}
        return rows.table(Knowledge(("hostname",), measures))


def _named(row: dict[str, str], item: str) -> dict[str, str]:
    of = "" if not item or item in _ALL else f"[{item}]"
    return {f"{name}{of}": value for name, value in row.items()}
