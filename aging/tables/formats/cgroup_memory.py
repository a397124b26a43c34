"""``memory.stat`` of a control group, of either version, in a loop: bytes by kind, and counts of faults."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.tables.base import Format
from aging.tables.printout import BYTES, Knowledge, Rows, lines, stamped, stamped_head
from aging.tables.table import Table

_LINE = re.compile(r"^([a-z][a-z_0-9]*) (\d+)\s*$")
_KNOWN = frozenset(("anon", "file", "rss", "total_rss", "cache", "shmem", "kernel_stack", "slab", "inactive_anon"))
_COUNTED = re.compile(r"(?:total_)?(?:pg|workingset_|thp_|numa_|zswp|swpin|swpout|oom_)")


class CgroupMemory(Format):
    kind: ClassVar[str] = "cgroup-memory"
    title: ClassVar[str] = "memory.stat of a control group in a loop"
    made_by: ClassVar[str] = "while sleep 60; do date; cat /sys/fs/cgroup/memory.stat; done"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        found = [_LINE.match(text) for text in stamped_head(head)[:60]]
        return all(found) and any(match and match[1] in _KNOWN for match in found)

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        found: dict[str, None] = {}
        for line in stamped(lines(path)):
            if match := _LINE.match(line.text):
                rows.join(line.time, {}, {match[1]: match[2]})
                found[match[1]] = None
            else:
                rows.stranger(line)
        counters = frozenset(name for name in found if _COUNTED.match(name))
        return rows.table(Knowledge(measures=dict.fromkeys(found.keys() - counters, BYTES), counters=counters))
