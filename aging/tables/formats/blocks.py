"""Blocks of ``name: value`` lines, one block a sample: ``redis-cli info``, ``/proc/PID/io``, status pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.tables.base import Format
from aging.tables.printout import BYTES, Knowledge, Rows, lines, stamped, stamped_head
from aging.tables.table import Table

_LINE = re.compile(r"^\s*([A-Za-z_][\w.\-/()% ]{0,59}?)\s*[:=]\s*([^=:]{1,60}?)\s*$")
_SHARE = 0.8
_LEAST_BLOCKS = 2
_MOST_WORDS = 2
_OF_PROC_IO = Knowledge(
    measures=dict.fromkeys(("rchar", "wchar", "read_bytes", "write_bytes", "cancelled_write_bytes"), BYTES),
    counters=frozenset(
        ("rchar", "wchar", "syscr", "syscw", "read_bytes", "write_bytes", "cancelled_write_bytes"),
    ),
)
"""``/proc/PID/io``, of proc(5): all are cumulative, although their names do not say so."""


class Blocks(Format):
    kind: ClassVar[str] = "blocks"
    title: ClassVar[str] = "Blocks of lines with one name and value each"
    made_by: ClassVar[str] = "`while sleep 60; do date; redis-cli info; done`, `/proc/PID/io` in a loop"
    rank: ClassVar[int] = 3

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        texts = [text for text in stamped_head(head) if not text.startswith("#")]
        found = [match for text in texts if (match := _LINE.match(text))]
        names = Counter(match[1] for match in found)
        if len(names) == 1 and any(len(match[2].split()) > _MOST_WORDS for match in found):
            return False  # a table whose rows begin with one word
        return names.total() >= _SHARE * len(texts) > 0 and max(names.values()) >= _LEAST_BLOCKS

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        names: set[str] = set()
        for line in stamped(lines(path)):
            if match := _LINE.match(line.text):
                rows.join(line.time, {}, {match[1]: match[2]})
                names.add(match[1])
            elif not line.text.startswith("#"):
                rows.stranger(line)
        return rows.table(_OF_PROC_IO if {"rchar", "syscr"} <= names else Knowledge())
