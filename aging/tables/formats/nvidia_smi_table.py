"""``nvidia-smi`` without options, in a loop: memory, utilization, power and temperature of each GPU."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.core.measure import Measure
from aging.tables.base import Format
from aging.tables.printout import Knowledge, Rows, lines, stamped, stamped_head
from aging.tables.table import Table

_BANNER = re.compile(r"\|\s*NVIDIA-SMI\s+\d")
_GPU = re.compile(r"\|\s*(\d+)\s+(.+?)\s+(?:On|Off|N/A|WDDM|TCC|MCDM)\s*\|\s*[0-9A-F]{8}:")
_VALUES = re.compile(
    r"\|\s*(?:(?P<fan>\d+)%|N/A|ERR!)\s+(?:(?P<temp>\d+)C|N/A|ERR!)\s+\S+\s+(?:(?P<power>\d+)W|N/A|\S+)\s*/\s*\S+\s*"
    r"\|\s*(?P<memory>\d+MiB\s*/\s*\d+MiB)\s*\|\s*(?:(?P<util>\d+)%|N/A|ERR!)?"
)
_LABEL = "GPU"
_KNOWN = Knowledge(
    (_LABEL,), {"power": Measure("", "W"), "temperature": Measure("", "C")}, identifiers=frozenset((_LABEL,))
)


class NvidiaSmiTable(Format):
    kind: ClassVar[str] = "nvidia-smi"
    title: ClassVar[str] = "nvidia-smi, the framed table"
    made_by: ClassVar[str] = "nvidia-smi -l 60"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        texts = stamped_head(head)
        return any(map(_BANNER.match, texts)) or (bool(texts) and all(map(_VALUES.match, texts[:5])))

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        gpu: str | None = None
        place, time = 0, None
        for line in stamped(lines(path)):
            place, time = (place if line.time == time else 0), line.time
            if match := _GPU.match(line.text):
                gpu = match.group(1)
            elif match := _VALUES.match(line.text):
                row = {
                    _LABEL: gpu or str(place),  # grep has left out the line with the number
                    "memory": match["memory"],
                    "utilization": match["util"] and f"{match['util']} %",
                    "temperature": match["temp"],
                    "power": match["power"],
                    "fan": match["fan"] and f"{match['fan']} %",
                }
                rows.add(time, row)
                place += time is not None
                gpu = None
        return rows.table(_KNOWN)
