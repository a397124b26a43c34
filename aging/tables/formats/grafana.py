"""Grafana's CSV where its columns are label sets, or its first line is for Excel; of columns with names of their own
it is like any other CSV file.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import ClassVar

from aging.tables.base import Format
from aging.tables.label_sets import LabeledName, labeled_name, shortened
from aging.tables.printout import Knowledge, Rows, lines, plain
from aging.tables.table import Table

_FOR_EXCEL = re.compile(r"^sep=(.)\s*$")
_POINT = re.compile(r"[+-]?\d+\.(?:\d{1,2}|\d{4,})(?:$|\s)")
_TIME = re.compile(r'^"?Time"?$', re.IGNORECASE)
_LONG = re.compile(r'^"?Series"?[;,]"?Time"?[;,]"?Value"?\s*$')


class Grafana(Format):
    kind: ClassVar[str] = "grafana"
    title: ClassVar[str] = "Grafana, downloaded CSV"
    made_by: ClassVar[str] = "panel menu, Inspect, Data, Series joined by time, Download CSV"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        texts = [plain(text) for text in head if text.strip()]
        for_excel = bool(texts) and _FOR_EXCEL.match(texts[0])
        first = next(iter(texts[1:] if for_excel else texts), "")
        if _LONG.match(first):
            return True
        names = _cells(first, _separator(first))
        timed = bool(names) and _TIME.match(names[0].strip()) is not None
        return timed and (bool(for_excel) or any(labeled_name(name) for name in names[1:]))

    @classmethod
    def read(cls, path: Path) -> Table:
        texts = (text for text in lines(path) if text.strip() and not _FOR_EXCEL.match(text))
        first = next(texts, "")
        separator = _separator(first)
        header = [name.strip() for name in _cells(first, separator)]
        names = shortened([labeled_name(name) or LabeledName(name) for name in header[1:]])
        long = _LONG.match(first) is not None
        rows = Rows()
        points = False
        for cells in csv.reader(texts, delimiter=separator):
            points = points or any(_POINT.match(cell) for cell in cells[1:])
            if long:
                series, time, value = [*cells, "", ""][:3]
                rows.add(time, {"Series": series, "Value": value})
            else:
                rows.add(cells[0], dict(zip(names, islice(cells, 1, None), strict=False)))
        table = rows.table(Knowledge(("Series",) if long else ()))
        return replace(table, decimal=",") if separator == ";" and not points else table


def _separator(header: str) -> str:
    return ";" if re.match(r'^(?:"[^"]*"|[^",;]*);', header) else "," if "," in header else "\t"


def _cells(text: str, separator: str) -> list[str]:
    return next(csv.reader([text], delimiter=separator), [])
