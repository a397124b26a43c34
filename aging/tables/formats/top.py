"""``top -b``: the summary of the host and the processes, or lines that grep has taken out of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from aging.tables.base import Format
from aging.tables.printout import (
    KIB,
    PERCENT,
    SECONDS,
    Knowledge,
    Rows,
    lines,
    no_header,
    of_limit,
    stamped,
    stamped_head,
)
from aging.tables.table import Table

_HEADER = re.compile(r"^\s*PID\s+(?=.*\b(?:TIME\+?|RES|VIRT|VSZ)\b)(?=.*\sS(?:TAT)?\s).*COMMAND\s*$")
_SUMMARY = re.compile(r"^top - (\d\d:\d\d:\d\d) up .*load average: ([\d.,]+), ([\d.,]+), ([\d.,]+)")
_MEMORY = re.compile(r"^(?:([KMGTPE]i?B) )?(Mem|Swap)\s*:\s*(.*)$")
_AMOUNT = re.compile(r"([\d.,]+)\s*([kmgtKMGT]?)\s+(total|free|used|buff/cache|buffers|cached|avail)")
_ROW = re.compile(
    r"^\s*\d+ \S+\s+(?:-?\d+|rt)\s+-?\d+\s+[\d.]+[kmgtp]?\s+[\d.]+[kmgtp]?\s+[\d.]+[kmgtp]?\s+[RSDTtZXI]\s+[\d.,]+\s+"
    r"[\d.,]+\s+\d+:\d\d[.,]\d\d\s+\S"
)
_NAMES = ("PID", "USER", "PR", "NI", "VIRT", "RES", "SHR", "S", "%CPU", "%MEM", "TIME+", "COMMAND")
_SIZES = frozenset(("VIRT", "RES", "SHR", "SWAP", "CODE", "DATA", "USED", "RSan", "RSfd", "RSlk", "RSsh", "VSZ", "PSS"))
_CPU_TIME = "CPU time"
_KNOWN = Knowledge(
    labels=("PID", "COMMAND"),
    measures={**dict.fromkeys(_SIZES, KIB), "%CPU": PERCENT, "%MEM": PERCENT, "%VSZ": PERCENT, _CPU_TIME: SECONDS},
    counters=frozenset((_CPU_TIME,)),
    identifiers=frozenset(("PID", "PPID", "UID", "USER", "PR", "NI", "S", "STAT", "P", "CPU")),
)


class Top(Format):
    kind: ClassVar[str] = "top"
    title: ClassVar[str] = "top in batch mode"
    made_by: ClassVar[str] = "top -b -d 60 -p PID"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        texts = stamped_head(head)
        if any(_HEADER.match(text) or _SUMMARY.match(text) for text in texts):
            return True
        return bool(texts) and all(map(_ROW.match, texts[:5]))

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        names: Sequence[str] = ()
        clock: str | None = None
        headed = False
        for line in stamped(lines(path)):
            if match := _SUMMARY.match(line.text):
                clock = match[1]
                load = (cell.replace(",", ".") for cell in match.groups()[1:])
                amounts = dict(zip(("load 1 min", "load 5 min", "load 15 min"), load, strict=True))
                rows.join(line.time or clock, {}, amounts)
            elif match := _MEMORY.match(line.text):
                amounts = dict(_amounts(*match.groups()))
                used = f"{match[2]} used"
                if used in amounts:
                    amounts[used] = of_limit(amounts[used], amounts.get(f"{match[2]} total"))
                rows.join(line.time or clock, {}, amounts)
            elif _HEADER.match(line.text):
                names, headed = line.text.split(), True
            elif _ROW.match(line.text) or (names and line.text.split(None, 1)[0].isdecimal()):
                names = names or _NAMES
                cells = line.text.rstrip().split(None, len(names) - 1)
                if len(cells) == len(names):
                    rows.add(line.time or clock, dict(_cells(names, cells)))
                else:
                    rows.stranger(line)
            elif not line.text.startswith(("Tasks:", "Threads:", "%Cpu", "Cpu", "CPU:", "Load average:")):
                rows.stranger(line)
        return rows.table(_KNOWN, notes=() if headed else (no_header("top", _NAMES),))


def _cells(names: Sequence[str], cells: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name, cell in zip(names, cells, strict=True):
        number = re.sub(r"^(\d+),(\d+)", r"\1.\2", cell) if "," in cell else cell
        yield (_CPU_TIME if name in {"TIME+", "TIME"} else name), number


def _amounts(unit: str | None, what: str, rest: str) -> Iterator[tuple[str, str]]:
    """``Mem total`` and the like, with units; those of available memory stand in the line of swap."""
    for number, suffix, name in _AMOUNT.findall(rest):
        size = suffix or unit or "KiB"
        yield f"{'Mem' if name == 'avail' else what} {name}", f"{number.strip(',.').replace(',', '.')} {size}"
