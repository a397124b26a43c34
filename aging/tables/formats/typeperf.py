"""``typeperf`` and Performance Monitor's CSV and TSV: months first, names ``\\\\HOST\\Object(instance)\\Counter``."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from aging.core.measure import Measure
from aging.tables.base import Format
from aging.tables.printout import BYTES, KIB, MIB, PERCENT, Knowledge, Rows, lines, plain
from aging.tables.table import Table

_HEADER = re.compile(r'^\s*"?\(PDH-(CSV|TSV) \d')
_TIME = re.compile(r"(\d\d)/(\d\d)/(\d{4}) (\d\d:\d\d:\d\d(?:\.\d+)?)")
_SIZES = ("Bytes", "Working Set", "Working Set - Private", "Working Set Peak", "Dedicated Usage", "Shared Usage")


class Typeperf(Format):
    kind: ClassVar[str] = "typeperf"
    title: ClassVar[str] = "typeperf, Performance Monitor (Windows)"
    made_by: ClassVar[str] = r'typeperf "\Process(python)\Private Bytes" -si 60 -o usage.csv'

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        return any(_HEADER.match(plain(text)) for text in head)

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        names: list[str] = []
        for separator, cells in _cells(path):
            if _HEADER.match(cells[0]):
                names = [_short(name) for name in cells[1:]]
            elif names and separator and (time := _TIME.fullmatch(cells[0])) and len(cells) > len(names):
                month, day, year, clock = time.groups()
                rows.add(f"{year}-{month}-{day} {clock}", dict(zip(names, cells[1:], strict=False)))
        return rows.table(Knowledge(measures={name: known for name in names if (known := _measure(name))}))


def _cells(path: Path) -> Iterator[tuple[str, list[str]]]:
    separator = ""
    for text in lines(path):
        if match := _HEADER.match(text):
            separator = "," if match[1] == "CSV" else "\t"
        if cells := next(csv.reader([text], delimiter=separator or ","), []):
            yield separator, cells


def _short(name: str) -> str:
    r"""``Process(python)\Private Bytes`` of ``\\HOST\Process(python)\Private Bytes``."""
    return re.sub(r"^\\\\[^\\]+\\", "", name)


def _measure(name: str) -> Measure | None:
    counter = name.rpartition("\\")[2]
    if counter.startswith("%") or counter.endswith("Percentage"):
        return PERCENT
    if counter.endswith("/sec"):
        return Measure("B", "B/s", rate=True) if counter.endswith("Bytes/sec") else None
    if counter.endswith("MBytes"):
        return MIB
    if counter.endswith("KBytes"):
        return KIB
    return BYTES if counter.endswith(_SIZES) else None
