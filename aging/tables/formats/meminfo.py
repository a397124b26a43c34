"""``/proc/meminfo`` in a loop, whole or some of its lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.tables.base import Format
from aging.tables.printout import Knowledge, Rows, lines, stamped, stamped_head
from aging.tables.table import Table

_NAMES = (
    "MemTotal|MemFree|MemAvailable|Buffers|Cached|SwapCached|Active|Inactive|SwapTotal|SwapFree|Dirty|AnonPages|Mapped"
    "|Shmem|KReclaimable|Slab|SReclaimable|SUnreclaim|Committed_AS|CommitLimit|HugePages_Total|HugePages_Free"
)
_KNOWN = re.compile(rf"^(?:{_NAMES}):\s+\d+(?: kB)?\s*$")
_LINE = re.compile(r"^([A-Z][\w()]*):\s+(\d+(?: kB)?)\s*$")


class Meminfo(Format):
    kind: ClassVar[str] = "meminfo"
    title: ClassVar[str] = "/proc/meminfo in a loop"
    made_by: ClassVar[str] = "while sleep 60; do date; cat /proc/meminfo; done"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        texts = stamped_head(head)
        return any(map(_KNOWN.match, texts)) and all(map(_LINE.match, texts[:5]))

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        for line in stamped(lines(path)):
            if match := _LINE.match(line.text):
                rows.join(line.time, {}, {match[1]: match[2]})
            else:
                rows.stranger(line)
        return rows.table(Knowledge())
