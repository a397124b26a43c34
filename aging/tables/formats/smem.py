"""``smem`` in a loop: shares of memory of each process."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.tables.base import Format
from aging.tables.printout import KIB, Knowledge, Rows, lines, stamped, stamped_head
from aging.tables.table import Table

_HEADER = re.compile(r"^\s*PID\s+User\s+Command\s+(?:\w+\s+)*PSS\b")
_KNOWN = Knowledge(
    ("PID", "Command"), dict.fromkeys(("Swap", "USS", "PSS", "RSS", "VSS"), KIB), identifiers=frozenset(("PID", "User"))
)


class Smem(Format):
    kind: ClassVar[str] = "smem"
    title: ClassVar[str] = "smem in a loop"
    made_by: ClassVar[str] = "while sleep 60; do date; smem -P NAME; done"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        return any(map(_HEADER.match, stamped_head(head)))

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        sizes: list[str] = []
        for line in stamped(lines(path)):
            words = line.text.split()
            if _HEADER.match(line.text):
                sizes = words[3:]
            elif sizes and words[0].isdecimal() and len(words) >= 3 + len(sizes):
                pid, user, *command = words[: -len(sizes)]
                amounts = dict(zip(sizes, words[-len(sizes) :], strict=True))
                rows.add(line.time, {"PID": pid, "User": user, "Command": " ".join(command), **amounts})
            elif set(line.text.strip()) - {"-"}:
                rows.stranger(line)
        return rows.table(_KNOWN)
