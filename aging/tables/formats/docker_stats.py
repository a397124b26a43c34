"""``docker stats`` and ``podman stats``: tables of their own, or one JSON object a line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from aging.tables.base import Format
from aging.tables.printout import PERCENT, Knowledge, Line, Rows, lines, stamped, stamped_head
from aging.tables.table import Table

_HEADER = re.compile(r"^\s*(?:CONTAINER(?: ID)?|ID|NAME)\b.*\s(?:MEM USAGE ?/ ?LIMIT|CPU %|MEM %)")
_ROW = re.compile(r"^[0-9a-f]{12,64}\s+\S+\s+[\d.]+%\s+\S+ / \S+\s+[\d.]+%\s+\S+ / \S+\s+\S+ / \S+\s+\d+\s*$")
_HEADERLESS = ("CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS")
_JSON = re.compile(r'^\s*\[?\s*\{.*"(?:MemUsage|mem_usage|MemPerc|mem_percent)"\s*:')
_NAMES = {
    "Container": "CONTAINER",
    "ID": "CONTAINER ID",
    "id": "CONTAINER ID",
    "Name": "NAME",
    "name": "NAME",
    "CPUPerc": "CPU %",
    "cpu_percent": "CPU %",
    "MemPerc": "MEM %",
    "mem_percent": "MEM %",
    "PIDs": "PIDS",
    "MemUsage": "MEM USAGE / LIMIT",
    "mem_usage": "MEM USAGE / LIMIT",
    "NetIO": "NET I/O",
    "net_io": "NET I/O",
    "NET IO": "NET I/O",
    "BLOCK IO": "BLOCK I/O",
    "BlockIO": "BLOCK I/O",
    "block_io": "BLOCK I/O",
    "pids": "PIDS",
    "MEM USAGE/LIMIT": "MEM USAGE / LIMIT",
}
_PAIRS = {
    "NET I/O": ("NET IN", "NET OUT"),
    "BLOCK I/O": ("BLOCK IN", "BLOCK OUT"),
}
_SUBJECTS = ("NAME", "CONTAINER", "CONTAINER ID")
_MEASURES = {"CPU %": PERCENT, "MEM %": PERCENT, "AVG CPU %": PERCENT}
_COUNTERS = frozenset(("NET IN", "NET OUT", "BLOCK IN", "BLOCK OUT"))
"""In units of 1000 bytes, also where all cells say ``kB``."""


class DockerStats(Format):
    kind: ClassVar[str] = "docker-stats"
    title: ClassVar[str] = "docker stats, podman stats"
    made_by: ClassVar[str] = "while sleep 60; do date; docker stats --no-stream; done"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        return any(_HEADER.search(text) or _JSON.match(text) or _ROW.match(text) for text in stamped_head(head))

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        found: dict[str, None] = {}
        for line, row in _rows(path, rows):
            if row.get("NAME") == "--":  # a container whose first values are not there yet
                continue
            cells = dict(_split(row))
            found |= dict.fromkeys(cells)
            rows.add(line.time, cells)
        labels = tuple(name for name in _SUBJECTS if name in found)[:1]
        return rows.table(Knowledge(labels, _MEASURES, _COUNTERS, decimal_units=_COUNTERS))


def _rows(path: Path, rows: Rows) -> Iterator[tuple[Line, dict[str, Any]]]:
    names: Sequence[str] = ()
    for line in stamped(lines(path)):
        if _JSON.match(line.text):
            try:
                given = json.loads(line.text)
            except ValueError:
                rows.stranger(line)
                continue
            for row in given if isinstance(given, list) else [given]:
                yield line, {_NAMES.get(name, name): value for name, value in row.items()}
            continue
        cells = re.split(r"\s{2,}", line.text.strip())
        if _HEADER.search(line.text):
            names = [_NAMES.get(name, name) for name in cells]
            continue
        names = names or (_HEADERLESS if _ROW.match(line.text) else ())
        if len(cells) == len(names):
            yield line, dict(zip(names, cells, strict=True))
        else:
            rows.stranger(line)


def _split(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The cells; of what went in and out, two."""
    for name, value in row.items():
        text = str(value).strip()
        if name in _PAIRS:
            for part, cell in zip(_PAIRS[name], text.partition("/")[::2], strict=True):
                yield part, cell.strip()
        else:
            yield name, text
