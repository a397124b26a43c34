"""Markdown, for a comment of a pull request."""

from __future__ import annotations

from aging.check.reports.base import GateContext, ReportFormat
from aging.check.summary import markdown
from aging.findings.gate import GateResult


class Markdown(ReportFormat):
    """A page of at most 20 KB: result, table, what to do, and the tail of the logs, folded."""

    kind = "markdown"

    def render(self, gate: GateResult, context: GateContext) -> str:
        return markdown(gate, context)
