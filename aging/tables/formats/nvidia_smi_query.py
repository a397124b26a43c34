"""``nvidia-smi --query-gpu`` and ``--query-compute-apps``, with and without header and units."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.tables.base import Format
from aging.tables.printout import Knowledge, Rows, lines, of_limit, plain, stamped
from aging.tables.table import Table

_HEADER = re.compile(
    r"(?:^|,\s*)(?:(?:memory|utilization|temperature|power|clocks|fb_memory_usage)\.[\w.]+|used_(?:gpu_)?memory"
    r"|fan\.speed|pstate|pci\.bus_id|gpu_uuid|gpu_name|gpu_bus_id|driver_version|ecc\.[\w.]+)(?: \[[^\]]+\])?(?:,|$)"
)
_VALUES = re.compile(r"(?:^|, )-?\d+(?:\.\d+)? (?:MiB|%|W|MHz)(?:,|$)")
_TIMESTAMP = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3}")
_SUBJECTS = ("index", "gpu_uuid", "uuid", "gpu_bus_id", "pci.bus_id", "gpu_serial", "serial", "gpu_name", "name")
_PROCESS = ("pid", "process_name")
_IDENTIFIERS = frozenset(
    (
        *("index", "count", "pid", "pstate", "driver_version", "vbios_version", "compute_cap", "display_mode"),
        *(
            "display_active",
            "persistence_mode",
            "accounting.mode",
            "compute_mode",
            "pci.domain",
            "pci.bus",
            "pci.device",
        ),
        *("pcie.link.gen.max", "pcie.link.width.max"),
    )
)


class NvidiaSmiQuery(Format):
    kind: ClassVar[str] = "nvidia-smi-query"
    title: ClassVar[str] = "nvidia-smi, queried values as CSV"
    made_by: ClassVar[str] = "nvidia-smi --query-gpu=timestamp,index,memory.used --format=csv -l 60"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        texts = [line.text for line in stamped(map(plain, head))][:3]
        return any(_HEADER.search(text) for text in texts) or (bool(texts) and all(map(_VALUES.search, texts)))

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        names: list[str] = []
        headerless: list[tuple[str | None, list[str]]] = []
        for line in stamped(lines(path)):
            if _HEADER.search(line.text):
                names = _cells(line.text)
                continue
            cells = _cells(line.text)
            stamp = bool(line.time and _TIMESTAMP.fullmatch(line.time))
            if not names and _VALUES.search(line.text):
                headerless.append((line.time, cells))
                continue
            timed = stamp and "timestamp" in names
            columns = [name for name in names if name != "timestamp"] if timed else names
            if columns and len(cells) == len(columns):
                rows.add(line.time, _with_limit(dict(zip(columns, cells, strict=True))))
            else:
                rows.stranger(line)
        if headerless:
            names = _named(headerless)
            for moment, cells in headerless:
                if len(cells) == len(names):
                    rows.add(moment, dict(zip(names, cells, strict=True)))
        subject = next((name for name in _SUBJECTS if name in names), None)
        labels = (*([subject] if subject else []), *(name for name in _PROCESS if name in names))
        time = "timestamp" if "timestamp" in names and names[0] != "timestamp" else None
        return rows.table(Knowledge(labels, identifiers=_IDENTIFIERS), time=time)


def _with_limit(row: dict[str, str]) -> dict[str, str]:
    total = next((cell for name, cell in row.items() if name.startswith("memory.total")), None)
    return {name: of_limit(cell, total) if name.startswith("memory.used") else cell for name, cell in row.items()}


def _cells(text: str) -> list[str]:
    return next(csv.reader([text], skipinitialspace=True), [])


def _named(rows: Sequence[tuple[str | None, list[str]]]) -> list[str]:
    """Names of columns without a header: their numbers, and ``index`` for what numbers the GPUs at each time."""
    first = rows[0][1]
    together = Counter(time for time, _ in rows)
    gpus = max(together.values()) if rows[0][0] else 1
    numbers = {str(number) for number in range(gpus)}
    timed = any(_TIMESTAMP.fullmatch(time or "") for time, _ in rows[:1])
    names = [f"column {place}" for place in range(1 + timed, 1 + timed + len(first))]
    for place in range(len(first)):
        if gpus > 1 and {cells[place] for _, cells in rows if len(cells) == len(first)} == numbers:
            names[place] = "index"
            break
    return names
