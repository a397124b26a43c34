"""``/proc/PID/status`` and ``/proc/PID/smaps_rollup`` in a loop, whole or some of their lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.tables.base import Format
from aging.tables.printout import Knowledge, Rows, lines, stamped, stamped_head
from aging.tables.table import Table

_SIZES = (
    r"Vm[A-Z][A-Za-z]+|Rss(?:Anon|File|Shmem)?|Pss(?:_[A-Z]\w+)?|Private_(?:Clean|Dirty|Hugetlb)"
    r"|Shared_(?:Clean|Dirty|Hugetlb)|Referenced|Anonymous|KSM|LazyFree|AnonHugePages|ShmemPmdMapped|FilePmdMapped"
    r"|Swap|SwapPss|Locked|HugetlbPages"
)
_SIZE = re.compile(rf"^(?:/proc/(\d+)/\w+:)?({_SIZES}):\s+(\d+ kB)\s*$")
_COUNT = re.compile(r"^(?:/proc/(\d+)/\w+:)?(Threads|FDSize|(?:non)?voluntary_ctxt_switches):\s+(\d+)\s*$")
_SUBJECT = re.compile(r"^(Name|Pid):\s+(\S.*)$")
_FIRST = re.compile(r"^Name:\s|^[0-9a-f]+-[0-9a-f]+ .*\[rollup\]")
_KNOWN = Knowledge(
    ("Name", "Pid"),
    counters=frozenset(("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")),
    identifiers=frozenset(("Pid",)),
)


class ProcStatus(Format):
    kind: ClassVar[str] = "proc-status"
    title: ClassVar[str] = "/proc/PID/status and smaps_rollup in a loop"
    made_by: ClassVar[str] = "while sleep 60; do date; cat /proc/PID/status; done"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        texts = stamped_head(head)
        return any(map(_SIZE.match, texts)) and any(_values(text) or _FIRST.match(text) for text in texts[:1])

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        subject: dict[str, str] = {}
        for line in stamped(lines(path)):
            if match := _SUBJECT.match(line.text):
                subject = {**({} if match[1] == "Name" else subject), match[1]: match[2].strip()}
            elif match := _values(line.text):
                pid, name, value = match.groups()
                rows.join(line.time, {"Pid": pid} if pid else subject, {name: value})
        return rows.table(_KNOWN)


def _values(text: str) -> re.Match[str] | None:
    return _SIZE.match(text) or _COUNT.match(text)
