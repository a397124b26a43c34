"""JSON, for programs: docs/schemas/gate.schema.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Literal

from aging.check.reports.base import GateContext, ReportFormat
from aging.check.wording import exit_code
from aging.findings.gate import GateResult


@dataclass(frozen=True, slots=True)
class GateDocument:
    """The report: ``schema`` is its version, ``aging_version`` the release that wrote it.

    ``exit_code`` is that of the gate's outcome; ``file`` is the campaign file, ``results`` the result directory.
    """

    schema: Literal[1]
    aging_version: str
    campaign: str
    file: str | None
    results: str
    exit_code: int
    gate: GateResult


class Json(ReportFormat):
    """The whole result; later releases add keys."""

    kind = "json"
    printable = True

    def render(self, gate: GateResult, context: GateContext) -> str:
        document = GateDocument(
            schema=1,
            aging_version=version("llm-aging"),
            campaign=context.campaign,
            file=None if context.file is None else str(context.file),
            results=str(context.results),
            exit_code=int(exit_code(gate)),
            gate=gate,
        )
        return json.dumps(asdict(document), indent=1, allow_nan=False, default=list) + "\n"
