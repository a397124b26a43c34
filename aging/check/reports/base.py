"""The contract of a report format of the gate: a new format is a new file with one subclass of ReportFormat."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from aging.core.errors import writing
from aging.findings.gate import GateResult

ENTRY_POINT_GROUP = "aging.gate_reports"


@dataclass(frozen=True, slots=True)
class GateContext:
    """What a report says beside the gate's result: the campaign's name and file, and where its results are."""

    campaign: str
    file: Path | None
    results: Path


class ReportFormat(ABC):
    """One format. ``kind`` is its name in ``--report KIND=PATH``."""

    kind: ClassVar[str]
    printable: ClassVar[bool] = False
    """Whether ``--report KIND`` without a path is meant: the report is printed."""

    @abstractmethod
    def render(self, gate: GateResult, context: GateContext) -> str:
        """The whole content of the report."""

    def deliver(self, gate: GateResult, context: GateContext, path: Path | None, out: Callable[[str], None]) -> None:
        """Write the report to ``path`` whole or not at all, or print it. Raises StorageError."""
        text = self.render(gate, context)
        if path is None:
            out(text)
            return
        temporary = path.with_name(f"{path.name}.tmp")
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(path)
