"""``kubectl top pod``, with or without containers and namespaces, and ``kubectl top node``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.tables.base import Format
from aging.tables.printout import PERCENT, Knowledge, Rows, lines, stamped, stamped_head, without_times
from aging.tables.table import Table

_HEADER = re.compile(r"(?:^|\s)NAME\s+CPU\(cores\)\s.*MEMORY\(bytes\)")
_ROW = re.compile(
    r"^\S+(?:\s+\S+){0,2}\s+(?:\d+m|<unknown>)\s+(?:\d+%\s+|<unknown>\s+)?(?:\d+[KMGT]i|<unknown>)"
    r"(?:\s+\d+%|\s+<unknown>)?\s*$"
)
_HEADERLESS = {
    3: ("NAME", "CPU(cores)", "MEMORY(bytes)"),
    4: ("POD", "NAME", "CPU(cores)", "MEMORY(bytes)"),
    5: ("NAME", "CPU(cores)", "CPU%", "MEMORY(bytes)", "MEMORY%"),
}
_PERCENTS = ("CPU%", "MEMORY%", "CPU(%)", "MEMORY(%)")
_KNOWN = Knowledge(("NAMESPACE", "POD", "NAME"), dict.fromkeys(_PERCENTS, PERCENT))


class KubectlTop(Format):
    kind: ClassVar[str] = "kubectl-top"
    title: ClassVar[str] = "kubectl top pod, kubectl top node"
    made_by: ClassVar[str] = "while sleep 60; do date; kubectl top pod; done"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        texts = stamped_head(head)
        return any(map(_HEADER.search, texts)) or (bool(texts) and all(map(_ROW.match, texts[:5])))

    @classmethod
    def read(cls, path: Path) -> Table:
        rows = Rows()
        names: Sequence[str] = ()
        for line in stamped(lines(path)):
            cells = line.text.split()
            if _HEADER.search(line.text):
                names = without_times(cells)
                continue
            if not names and _ROW.match(line.text):
                names = _HEADERLESS[len(cells)]
            if names and len(cells) == len(names) and _ROW.match(line.text):
                rows.add(line.time, dict(zip(names, cells, strict=True)))
            else:
                rows.stranger(line)
        return rows.table(_KNOWN)
