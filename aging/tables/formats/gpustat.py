"""``gpustat`` in a loop: temperature, utilization and memory of each GPU; its MB are of 1024 × 1024 bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.core.measure import Measure
from aging.tables.base import Format
from aging.tables.printout import Knowledge, Rows, lines, stamped, stamped_head
from aging.tables.table import Table

_HOST = re.compile(r"^\S+\s+(\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4})\s+\d+\.\d+(?:\.\d+)?\s*$")
_GPU = re.compile(
    r"^\[(\d+)\]\s+(.+?)\s*\|\s*(?:(\d+)\s?[°']C|\?+\s?[°']C),\s*(?:(\d+)|\?+) %[^|]*\|\s*(\d+)\s*/\s*(\d+) MB\s*\|"
)
_KNOWN = Knowledge(("GPU",), {"temperature": Measure("", "C")}, identifiers=frozenset(("GPU",)))


class Gpustat(Format):
    kind: ClassVar[str] = "gpustat"
    title: ClassVar[str] = "gpustat"
    made_by: ClassVar[str] = "while sleep 60; do gpustat; done"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        return any(map(_GPU.match, stamped_head(head)))

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        time: str | None = None
        for line in stamped(lines(path)):
            if match := _HOST.match(line.text):
                time = match[1]
            elif match := _GPU.match(line.text):
                number, _name, temperature, utilization, used, total = match.groups()
                row = {"GPU": number, "memory": f"{used}MiB / {total}MiB", "temperature": temperature}
                rows.add(time or line.time, {**row, "utilization": utilization and f"{utilization} %"})
            else:
                rows.stranger(line)
        return rows.table(_KNOWN)
