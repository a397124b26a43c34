"""The contract of a format; each is one file in ``formats/`` with an instance or a subclass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from aging.tables.table import Table

ENTRY_POINT_GROUP = "aging.table_formats"


class NoRowsError(ValueError):
    """A file that looks like one of a format, but has no rows of it: the next format that recognizes it is tried."""


class Format(ABC):
    """One format. ``kind`` is its name for ``--format``; ``made_by`` is the command that makes such a file.

    ``rank`` orders the attempts to recognize a file: the output of a certain tool (0) before general text (9).
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    made_by: ClassVar[str]
    rank: ClassVar[int] = 0

    @classmethod
    @abstractmethod
    def recognizes(cls, head: Sequence[str]) -> bool:
        """Whether a file with these first lines (at most 200, without line ends) has this format."""

    @classmethod
    @abstractmethod
    def read(cls, path: Path) -> Table:
        """The whole file. Raises ValueError with a sentence that says what is wrong, in which line, and what to do."""
