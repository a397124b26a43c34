"""What ``watch`` writes to a file: a drawn screen, and then only the characters that changed. It cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.tables.base import Format
from aging.tables.table import Table

_OTHER_SCREEN = "\x1b[?1049h"


class Watch(Format):
    kind: ClassVar[str] = "watch"
    title: ClassVar[str] = "watch (refused, with the command to use instead)"
    made_by: ClassVar[str] = "watch -n 60 COMMAND > FILE"

    @classmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        return any(_OTHER_SCREEN in text for text in head)

    @classmethod
    def read(cls, path: Path) -> Table:  # noqa: ARG003 - the contract has it
        raise ValueError(
            "was drawn by watch (or another program that draws a screen), which writes only the characters that change;"
            " record in a loop instead: while sleep 60; do date; COMMAND; done >> FILE"
        )
