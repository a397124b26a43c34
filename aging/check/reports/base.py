"""The contract of a report format of the gate: a new format is a new file with one subclass of ReportFormat."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

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

    @abstractmethod
    def render(self, gate: GateResult, context: GateContext) -> str:
        """The whole content of the report."""
