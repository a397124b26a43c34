"""``nvidia-smi dmon`` and ``pmon``: two header lines, of names and of units, repeated; a row a GPU or process."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.core.measure import Measure
from aging.tables.base import Format
from aging.tables.printout import MIB, PERCENT, Knowledge, Rows, lines, plain
from aging.tables.table import Table

_NAMES = re.compile(r"#\s*(?:Date\s+)?(?:Time\s+)?gpu\s")
_UNITS = re.compile(r"#\s*(?:YYYYMMDD\s+)?(?:HH:MM:SS\s+)?Idx\s")
_MEASURES = {"MB": MIB, "%": PERCENT, "W": Measure("", "W"), "C": Measure("", "C"), "MHz": Measure("", "MHz")}
_CLOCK = ("Date", "Time")


class NvidiaSmiDmon(Format):
    kind: ClassVar[str] = "nvidia-smi-dmon"
    title: ClassVar[str] = "nvidia-smi dmon and pmon"
    made_by: ClassVar[str] = "nvidia-smi dmon -s pum -o DT -d 60"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        texts = [text for text in map(plain, head) if text.strip()]
        return any(_NAMES.match(a) and _UNITS.match(b) for a, b in itertools.pairwise(texts))

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        names: list[str] = []
        measures: dict[str, Measure] = {}
        for text in lines(path):
            if _NAMES.match(text):
                names = text.lstrip("# ").split()
            elif _UNITS.match(text):
                units = zip(names, text.lstrip("# ").split(), strict=False)
                measures |= {name: _MEASURES[unit] for name, unit in units if unit in _MEASURES}
            elif names and len(cells := text.split(None, len(names) - 1)) == len(names):
                row = dict(zip(names, (cell.strip() for cell in cells), strict=True))
                if row.get("pid") == "-":  # a GPU without processes
                    continue
                clock = [row.pop(name) for name in _CLOCK if name in row]
                rows.add(_time(clock), {name: None if cell == "-" else cell for name, cell in row.items()})
        labels = ("gpu", *(name for name in ("pid", "command") if name in names))
        return rows.table(Knowledge(labels, measures, identifiers=frozenset(("gpu", "pid", "type"))))


def _time(clock: Sequence[str]) -> str | None:
    """``20260825 12:00:00`` as ``2026-08-25 12:00:00``."""
    if not clock:
        return None
    return " ".join(re.sub(r"^(\d{4})(\d\d)(\d\d)$", r"\1-\2-\3", word) for word in clock)
